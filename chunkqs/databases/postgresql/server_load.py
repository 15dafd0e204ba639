"""How busy the server is: what throttles wait for, and how much room there is."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

#: A replica that receives nothing at the moment does not know what it misses, and that it has
#: replayed all that it has received says nothing.
REPLICATION_LAG = """
SELECT coalesce(CASE
    WHEN NOT pg_catalog.pg_is_in_recovery() THEN
        (SELECT extract(epoch FROM max(replay_lag)) FROM pg_catalog.pg_stat_replication)
    WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn()
        AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0
    ELSE extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(
        pg_catalog.pg_last_xact_replay_timestamp(), pg_catalog.pg_postmaster_start_time()))
END, 0)
"""
ACTIVE_QUERIES = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend'
AND state = 'active' AND pid <> pg_catalog.pg_backend_pid()
"""
CONNECTION_LIMIT = """
SELECT least(
    pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int,
    nullif(datconnlimit, -1), nullif(rolconnlimit, -1))
FROM pg_catalog.pg_database, pg_catalog.pg_roles
WHERE datname = pg_catalog.current_database() AND rolname = session_user
"""


def replication_lag(connection: BaseDatabaseWrapper) -> float:
    """Return how many seconds a replica is behind: one query, on it or on its primary."""
    return float(_value(connection, REPLICATION_LAG))


def active_queries(connection: BaseDatabaseWrapper) -> int:
    """Return how many other clients have a query that runs: one query."""
    return int(_value(connection, ACTIVE_QUERIES))


def connection_limit(connection: BaseDatabaseWrapper) -> int:
    """Return how many connections the server gives the user of this one: one query."""
    return int(_value(connection, CONNECTION_LIMIT))


def _value(connection: BaseDatabaseWrapper, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
