"""PostgreSQL, by psycopg2 or psycopg 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from django.db import Error, transaction
from django.db.backends.utils import CursorWrapper

from ...django_internals.compiler import Statement
from ..base import Cursor, Database, Explanation, TransientError
from ..statistics import Distribution, Step
from .plan import explain
from .psycopg import Driver, driver_of
from .session import PostgreSQLSession
from .statistics import distributions, value_sql

#: Serialisation failure (a replica's recovery conflict too), deadlock, lock timeout.
CONFLICT_STATES = {"40001", "40P01", "55P03"}
QUERY_CANCELED = "57014"
#: The same code as a timeout has, but someone wants the query to end. PostgreSQL says so in
#: the language of `lc_messages`.
USER_REQUEST = "user request"

#: Floats of 4 bytes, which no field of Django's own has.
SINGLE_PRECISION = {"real", "float4", "float"}


REPLICATION_LAG = """
SELECT coalesce(CASE
    WHEN NOT pg_catalog.pg_is_in_recovery() THEN
        (SELECT extract(epoch FROM max(replay_lag)) FROM pg_catalog.pg_stat_replication)
    WHEN pg_catalog.pg_last_wal_receive_lsn() <> pg_catalog.pg_last_wal_replay_lsn() THEN
        extract(epoch FROM pg_catalog.clock_timestamp()
                           - pg_catalog.pg_last_xact_replay_timestamp())
END, 0)
"""
ACTIVE_QUERIES = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend'
AND state = 'active' AND pid <> pg_catalog.pg_backend_pid()
"""


class PostgreSQL(Database):
    """PostgreSQL, directly or behind pgbouncer."""

    opens_private_connections = True
    sends_on_request = True
    cursor_ends_with_transaction = True
    compares_rows = True
    reads_ranges_apart = True
    reads_nulls_by_index_order = True
    sorts_within_prefix = True
    shares_snapshots = True

    @cached_property
    def driver(self) -> Driver:
        """What the driver does in its own way."""
        return driver_of(self.connection)

    def explain(self, statement: Statement) -> Explanation | None:
        """Read rows and width off the top of the plan."""
        with self.connection.cursor() as cursor:
            return explain(cursor, statement).explanation

    def export_snapshot(self) -> str:
        """Return the snapshot's name, which is good until the transaction ends."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_export_snapshot()")
            return str(cursor.fetchone()[0])

    @contextmanager
    def joined_snapshot(self, name: str) -> Iterator[None]:
        """Begin a transaction and set its snapshot before its first query."""
        alias = self.connection.alias
        with transaction.atomic(using=alias, durable=True), self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
            yield

    def replication_lag(self) -> float:
        """Ask a replica how old the last transaction is that it has replayed, unless it has
        replayed all that it has received; ask a primary about the slowest of its replicas."""
        return float(self._figure(REPLICATION_LAG))

    def active_queries(self) -> int:
        """Count the clients whose queries run, without this one."""
        return int(self._figure(ACTIVE_QUERIES))

    def _figure(self, sql: str) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def distributions(self, table: str, columns: Sequence[str]) -> list[Distribution]:
        """Read `pg_stats`: one query, and one for each column."""
        return distributions(self.connection, table, columns)

    def value_in_step(self, type: str, step: Step, share: float) -> tuple[str, tuple[Any, ...]]:
        """Compute the value where the type has arithmetic, else take the nearer end."""
        return value_sql(type, step, share)

    def session(self, statement: Statement) -> PostgreSQLSession:
        """Return the session with its settings, role and search path."""
        return PostgreSQLSession(self.connection, statement)

    def transient_error(self, error: Error) -> TransientError | None:
        """Classify by SQLSTATE. The drivers know by themselves that they lost the server, even
        where it went away without an error code."""
        if self.is_disconnected(error):
            return TransientError.LOST
        state = self.driver.sqlstate(error)
        if state in CONFLICT_STATES:
            return TransientError.CONFLICT
        if state == QUERY_CANCELED and USER_REQUEST not in str(error):
            return TransientError.TIMEOUT
        return None

    def is_cursor_lost(self, cursor: CursorWrapper, error: BaseException | None = None) -> bool:
        """Return whether the connection is closed, or the server has no such cursor any more."""
        return super().is_cursor_lost(cursor) or (
            error is not None and self.driver.is_cursor_error(error)
        )

    def has_cursor(self, cursor: CursorWrapper) -> bool:
        """Ask the server: one query, by the driver. A cursor may be dropped in an event loop,
        where Django's own cursors may not be used."""
        connection = self.connection
        with connection.wrap_database_errors, connection.connection.cursor() as asking:
            asking.execute(
                "SELECT 1 FROM pg_catalog.pg_cursors WHERE name = %s", [cursor.cursor.name]
            )
            return asking.fetchone() is not None

    def cancel(self, driver_connection: Any) -> None:
        """Send a cancel request, by a connection of the driver's own."""
        driver_connection.cancel()

    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Forget the cursor without CLOSE, which would abort the transaction that runs now."""
        self.driver.discard_cursor(cursor)

    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Have psycopg 3 read timestamps by `datetime.fromisoformat()`."""
        return self.driver.prepare_cursor(cursor)

    def key_sql(self, sql: str, field: Any) -> str:
        """Select moments in UTC, and floats of 4 bytes as the doubles that they compare as."""
        if self.shows_moments_locally(field):
            return f"({sql}) AT TIME ZONE 'UTC'"
        if self._type(field) in SINGLE_PRECISION:
            return f"{sql} + CAST(0 AS double precision)"
        return sql

    def shows_moments_locally(self, field: Any) -> bool:
        """Return whether `field` is a timestamp with time zone."""
        return self._type(field) == "timestamp with time zone"

    def value_placeholder(self, field: Any) -> str:
        """Name the type of an array: psycopg2 writes it without one, and the server guesses by
        the first value."""
        db_type = self._type(field)
        return f"%s::{db_type}" if db_type.endswith("[]") else "%s"

    def _type(self, field: Any) -> str:
        return (field.db_type(self.connection) or "") if field is not None else ""
