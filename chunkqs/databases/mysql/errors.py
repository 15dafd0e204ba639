"""What the error numbers of MySQL and MariaDB mean: lost connections, conflicts, timeouts."""

from __future__ import annotations

from ..answers import TransientError

#: Client errors: server has gone away, connection lost (twice).
LOST = {2006, 2013, 2055}
#: Also: closed by this side, shutdown, killed while it ran or before, closed for idleness.
ENDED = LOST | {0, 1053, 1317, 1927, 4031}
#: Lock wait timeout, deadlock.
CONFLICTS = {1205, 1213}
#: MariaDB's max_statement_time, MySQL's max_execution_time.
TIMEOUTS = {1969, 3024}


def is_lost(error: BaseException | None) -> bool:
    """Return whether `error` says that the connection is gone."""
    return error is not None and bool(LOST.intersection(error.args[:1]))


def may_be_lost(error: BaseException) -> bool:
    """Return whether the connection may be gone after `error`."""
    return bool(ENDED.intersection(error.args[:1]))


def transient_error(error: BaseException) -> TransientError | None:
    """Classify an error of a connection that is alive, by its number."""
    if CONFLICTS.intersection(error.args[:1]):
        return TransientError.CONFLICT
    return TransientError.TIMEOUT if TIMEOUTS.intersection(error.args[:1]) else None
