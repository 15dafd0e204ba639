"""PostgreSQL, by psycopg2 or psycopg 3."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from django.db import Error
from django.db.backends.utils import CursorWrapper
from django.db.transaction import atomic, set_rollback

from ...django_internals.compiler import Statement
from ...django_internals.export_columns import Conversion
from ..answers import (
    CopyFormat,
    CopyReader,
    Explanation,
    RepeatedWork,
    Scope,
    TransientError,
)
from ..base import Cursor, Database, Result
from ..distribution import Distribution, Step
from ..value_transport import Transport
from . import errors, server_load, snapshot
from .copy_statement import cells_of, copy_statement
from .histograms import distributions, value_sql
from .null_proofs import NOT_NULL
from .plan import read_plan
from .psycopg import Driver, driver_of
from .repeated_work import repeated_work
from .scope import read_scope, read_sorting
from .session import PostgreSQLSession
from .value_transports import (
    FIRST_OF_USER,
    FLOATS,
    LIKELY,
    LIKELY_MOMENTS,
    OWN_TYPES,
    SHORTENED,
    SHOWS_WHOLE,
    TEXT,
    exact,
    may_hold_floats,
    moment,
)

LEADING_WORD = re.compile(r"[a-z0-9]*")

#: libpq's number for a connection in the middle of a statement.
ACTIVE = 1

#: One row, with the types of the columns of a query that is not run.
DESCRIBE = """
SELECT pg_catalog.current_setting('statement_timeout'), query.* FROM (SELECT) AS one
LEFT JOIN (SELECT * FROM ({sql}) AS query LIMIT 0) AS query ON true
"""
NO_TIMEOUT = "0"


class PostgreSQL(Database):
    """PostgreSQL, directly or behind pgbouncer."""

    opens_private_connections = True
    sends_on_request = True
    cursor_ends_with_transaction = True
    compares_rows = True
    reads_ranges_apart = True
    reads_nulls_by_index_order = True
    shares_snapshots = True
    knows_types = True
    adds_decimals_exactly = True
    deviates_exactly = True
    names_derived_columns = True
    writes_jsonb = True
    writes_exports = True

    @cached_property
    def driver(self) -> Driver:
        """What the driver does in its own way."""
        return driver_of(self.connection)

    def explain(self, statement: Statement) -> Explanation | None:
        """Read rows and width off the top of the plan."""
        with self.connection.cursor() as cursor:
            return read_plan(cursor, statement).explanation

    def export_snapshot(self) -> str:
        """Return the snapshot's name, which is good until the transaction ends."""
        return snapshot.export_snapshot(self.connection)

    def joined_snapshot(self, name: str) -> AbstractContextManager[None]:
        """Begin a transaction and set its snapshot before its first query."""
        return snapshot.joined_snapshot(self.connection, name)

    def replication_lag(self) -> float:
        """Ask a replica how old the last transaction is that it has replayed, unless it has all
        that its primary has sent; ask a primary about the slowest of its replicas."""
        return server_load.replication_lag(self.connection)

    def active_queries(self) -> int:
        """Count the clients whose queries run, without this one."""
        return server_load.active_queries(self.connection)

    def repeated_work(self, statement: Statement) -> RepeatedWork | None:
        """Look for large sorts and hashes in the plan, and for a scan that skips many rows.

        One EXPLAIN; and one query more where a scan leaves out rows by a range.
        """
        explanation = self.explain(statement)
        return explanation and repeated_work(self.connection, explanation)

    def distributions(self, table: str, columns: Sequence[str]) -> list[Distribution]:
        """Read `pg_stats`: one query, and one for each column."""
        return distributions(self.connection, table, columns)

    def value_in_step(self, type: str, step: Step, share: float) -> tuple[str, tuple[Any, ...]]:
        """Compute the value where the type has arithmetic, else take the nearer end."""
        return value_sql(type, step, share)

    def scope(self) -> Scope:
        """Read the roles, the schemas that names are looked up in, and the variables that
        policies of row-level security name: one query, or two where there are some."""
        return read_scope(self.connection)

    def session(self, statement: Statement) -> PostgreSQLSession:
        """Return the session with its settings, role and search path."""
        return PostgreSQLSession(self.connection, statement)

    def transient_error(self, error: Error) -> TransientError | None:
        """Classify by SQLSTATE. The drivers know by themselves that they lost the server, even
        where it went away without an error code."""
        if self.is_disconnected(error):
            return TransientError.LOST
        return errors.transient_error(self.driver.sqlstate(error), str(error))

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

    def cancel(self, handle: Any) -> None:
        """Send a cancel request, by a connection of the driver's own."""
        handle.cancel()

    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Forget the cursor without CLOSE, which would abort the transaction that runs now."""
        self.driver.discard_cursor(cursor)

    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Have psycopg 3 read timestamps by `datetime.fromisoformat()`."""
        return self.driver.prepare_cursor(cursor)

    def copy_statement(
        self,
        cursor: CursorWrapper,
        statement: Statement,
        conversions: Sequence[Conversion],
        copy: CopyFormat,
        *,
        is_private: bool,
    ) -> Statement | None:
        """Ask for the types of the columns; None where one is not for the server to write.

        A COPY is one statement, whose time includes what the reader takes. So `statement_timeout`
        is switched off on a private connection; on the caller's it leaves the COPY out.
        """
        if Conversion.OTHER in conversions or not self.driver.can_copy(cursor):
            return None
        cursor.execute(DESCRIBE.format(sql=statement.sql), statement.params)
        (timeout, *_) = cursor.fetchone()
        types = [column[1] for column in cursor.description][1 : len(conversions) + 1]
        cells = cells_of(types, conversions, copy)
        if cells is None or (timeout != NO_TIMEOUT and not is_private):
            return None
        if timeout != NO_TIMEOUT:
            cursor.execute("SET LOCAL statement_timeout = 0")
        return Statement(copy_statement(statement.sql, cells, copy), statement.params)

    def copy_reader(self, cursor: CursorWrapper) -> CopyReader:
        """Return the driver's way to read a COPY."""
        return self.driver.copy_reader(cursor.cursor)

    def is_busy(self, driver_connection: Any) -> bool:
        """Return what libpq knows, without a query."""
        return bool(driver_connection.info.transaction_status == ACTIVE)

    def connection_limit(self) -> int | None:
        """Return the least of the server's, the database's and the role's limit."""
        return server_load.connection_limit(self.connection)

    def likely_transport(self, field: Any) -> Transport:
        """Go by the field's `db_type()`: text for whatever is not known to be exact."""
        db_type = (field.db_type(self.connection) or "") if field is not None else ""
        name = LEADING_WORD.match(db_type)[0]  # type: ignore[index]
        if name in LIKELY_MOMENTS and not db_type.endswith("]"):
            return moment(self._has_iso_dates)
        return TEXT if db_type.endswith("]") else LIKELY.get(name, TEXT)

    def column_types(self, cursor: CursorWrapper) -> Sequence[int]:
        """Return the number of each column's type."""
        return [column[1] for column in cursor.description]

    def transport(self, column_type: int, used: Transport) -> Transport | None:
        """Go by the type's number."""
        return exact(column_type, used, self._has_iso_dates)

    def run_within(self, seconds: float, work: Callable[[], Result]) -> Result | None:
        """Run `work` in a transaction or savepoint of its own, which takes the limit back."""
        alias = self.connection.alias
        try:
            with atomic(using=alias):
                with self.connection.cursor() as cursor:
                    limit = max(1, round(seconds * 1000))
                    cursor.execute(f"SET LOCAL statement_timeout = {limit}")
                result = work()
                set_rollback(True, using=alias)
        except Error as error:
            if self.transient_error(error) is not TransientError.TIMEOUT:
                raise
            return None
        return result

    def is_float(self, column_type: int) -> bool:
        """Go by the type's number."""
        return column_type in FLOATS

    def is_doubtful(self, column_type: int) -> bool:
        """Return True for types of the user's own, and for floats in an array."""
        return may_hold_floats(column_type)

    def sorting(self, column_types: Sequence[int], *, converts: bool) -> Scope | None:
        """Read the settings for dates, intervals, floats and bytes, where an expression converts
        such values: columns themselves depend on none."""
        return read_sorting(self.connection) if converts else None

    def shows_values_whole(self, column_types: Sequence[int]) -> bool:
        """Read `extra_float_digits`, and look for types that never do: one query."""
        with self.connection.cursor() as cursor:
            cursor.execute(SHOWS_WHOLE, [list(column_types), SHORTENED])
            (is_whole,) = cursor.fetchone()
        return bool(is_whole)

    def have_own_order(self, column_types: Sequence[int]) -> bool:
        """Look for types of the user's own that are no enums: one query."""
        with self.connection.cursor() as cursor:
            cursor.execute(OWN_TYPES, [list(column_types), FIRST_OF_USER])
            return cursor.fetchone() is not None

    def not_null_condition(self, table: str, column: str) -> tuple[str, tuple[str, ...]]:
        """Look for a valid NOT NULL in a table and in all of its partitions and heirs."""
        return NOT_NULL, (self.connection.ops.quote_name(table), column)

    def type_name(self, column_type: int) -> str:
        """Ask the server: one query."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT format_type(%s, NULL)", [column_type])
            (name,) = cursor.fetchone()
        return str(name)

    @property
    def reads_alike(self) -> bool:
        """Whether dates are still written as ISO 8601 has them: a session may change that."""
        return self._has_iso_dates

    @property
    def _has_iso_dates(self) -> bool:
        """Whether the session is known to write dates as ISO 8601 has them. No query."""
        if self.connection.connection is None:
            return False
        style = self.driver.parameter_status(self.connection.connection, "DateStyle")
        return (style or "").startswith("ISO")
