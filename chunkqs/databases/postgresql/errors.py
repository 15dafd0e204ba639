"""What PostgreSQL's error codes (SQLSTATE) mean: conflicts and timeouts.

A lost connection has no code that could be relied on: the drivers know by themselves.
"""

from __future__ import annotations

from ..answers import TransientError

#: Serialisation failure (a replica's recovery conflict too), deadlock, lock timeout.
CONFLICT_STATES = {"40001", "40P01", "55P03"}
QUERY_CANCELED = "57014"
#: The same code as a timeout has, but someone wants the query to end. PostgreSQL says so in
#: the language of `lc_messages`.
USER_REQUEST = "user request"


def transient_error(state: str | None, message: str) -> TransientError | None:
    """Classify an error of a connection that is alive, by its SQLSTATE."""
    if state in CONFLICT_STATES:
        return TransientError.CONFLICT
    if state == QUERY_CANCELED and USER_REQUEST not in message:
        return TransientError.TIMEOUT
    return None
