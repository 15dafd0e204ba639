"""How busy the server is: what throttles wait for."""

from __future__ import annotations

from django.db import NotSupportedError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

#: Of MariaDB since 10.5.1 and of MySQL since 8.0.22.
REPLICA_STATUS = "SHOW REPLICA STATUS"
LAGS = ("seconds_behind_source", "seconds_behind_master")
ACTIVE_QUERIES = """
SELECT COUNT(*) FROM information_schema.PROCESSLIST
WHERE COMMAND = 'Query' AND DB = DATABASE() AND ID <> CONNECTION_ID()
"""


def replication_lag(connection: BaseDatabaseWrapper) -> float:
    """Return how many seconds the slowest channel of a replica is behind: one query, on it."""
    with connection.cursor() as cursor:
        cursor.execute(REPLICA_STATUS)
        names = [column[0].lower() for column in cursor.description]
        channels = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not channels:
        raise NotSupportedError(
            f"{connection.alias!r} is no replica, and a primary of {connection.display_name} does "
            "not know how far behind its replicas are. Name the alias of a replica: using=."
        )
    lags = [one[name] for one in channels for name in LAGS if name in one]
    if None in lags or not lags:
        raise OperationalError(f"The replica {connection.alias!r} does not replicate.")
    return float(max(lags))


def active_queries(connection: BaseDatabaseWrapper) -> int:
    """Return how many other clients have a query that runs: one query."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_QUERIES)
        return int(cursor.fetchone()[0])
