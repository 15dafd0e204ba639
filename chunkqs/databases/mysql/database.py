"""MySQL and MariaDB, by mysqlclient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from django.db import Error
from django.db.backends.utils import CursorWrapper
from django.db.models import DateField, TimeField

from ...django_internals.compiler import Statement
from ...django_internals.connections import connect_driver
from ..answers import (
    Explanation,
    RepeatedWork,
    Scope,
    StoredMoment,
    TransientError,
)
from ..base import Database, Result
from ..value_transport import VALUE, Transport
from . import errors, server_load
from .plan import read_plan
from .repeated_work import repeated_work
from .session import MySQLSession
from .sort_length import (
    LEAST_BYTES,
    LEAST_BYTES_OF_MARIADB,
    MOST_BYTES,
    read_sorting,
    sessions_sort_length,
    sort_bytes,
)
from .value_transports import (
    ALL_CHARACTERS,
    COMPUTED,
    DOUBLE,
    FLOAT,
    LIKELY,
    TEXT,
    TEXTS,
    TIMESTAMP,
    ColumnType,
    exact,
    sendable,
)

#: Account, role and database of a session.
SCOPE = "concat_ws(' ', current_user(), current_role(), database())"


def stored_moment(text: str) -> StoredMoment | None:
    """Return text of MySQL's as ISO 8601; None for what is no moment, as mysqlclient does."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    iso = moment.isoformat()
    return StoredMoment(iso.rstrip("0") if moment.microsecond else iso)


NOT_NULL = """
EXISTS (
    SELECT 1 FROM information_schema.COLUMNS c
    JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA
    AND t.TABLE_NAME = c.TABLE_NAME
    WHERE c.TABLE_SCHEMA = DATABASE() AND c.TABLE_NAME = %s AND c.COLUMN_NAME = %s
    AND c.IS_NULLABLE = 'NO' AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
)
"""


class MySQL(Database):
    """MySQL or MariaDB."""

    opens_private_connections = True
    cursor_blocks_connection = True
    reads_ranges_to_their_end = True
    indexes_end_with_key = True
    sorts_by_beginnings = True
    knows_types = True
    hides_types = True
    coalesces_to_null = True
    has_numbered_types = True
    adds_decimals_exactly = True
    compares_json_by_value = True

    def explain(self, statement: Statement) -> Explanation | None:
        """Multiply the rows of a SELECT's tables, add up the SELECTs of a UNION."""
        with self.connection.cursor() as cursor:
            return read_plan(cursor, statement)

    def replication_lag(self) -> float:
        """Ask a replica; raise NotSupportedError on a primary, which does not know.

        OperationalError where the replica does not replicate: it would never catch up.
        """
        return server_load.replication_lag(self.connection)

    def active_queries(self) -> int:
        """Count the clients whose queries run, without this one."""
        return server_load.active_queries(self.connection)

    def repeated_work(self, statement: Statement) -> RepeatedWork | None:
        """Look for `Using filesort`, and for subqueries that are read as a whole."""
        explanation = self.explain(statement)
        return explanation and repeated_work(explanation)

    def scope(self) -> Scope:
        """Read the account, its role and the database that tables are looked up in."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {SCOPE}")
            (value,) = cursor.fetchone()
        return Scope(SCOPE, value)

    def session(self, statement: Statement) -> MySQLSession:
        """Return the session with its variables, role and database."""
        return MySQLSession(self.connection, statement)

    def read_moments_as_text(self, driver_connection: Any) -> None:
        """Have mysqlclient make no datetime, which it does in Python."""
        from MySQLdb.constants import FIELD_TYPE

        for kind in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP):
            driver_connection.converter[kind] = stored_moment

    def transient_error(self, error: Error) -> TransientError | None:
        """Classify by error number."""
        if self.is_disconnected(error):
            return TransientError.LOST
        return errors.transient_error(error)

    def is_disconnected(self, error: Error) -> bool:
        """Ask the server, as mysqlclient doesn't know by itself: one ping after some errors."""
        if self.connection.connection is None:
            return True
        return errors.may_be_lost(error) and not self.connection.is_usable()

    def is_busy(self, driver_connection: Any) -> bool:
        """Ask by a ping, which a server in the middle of a command does not answer."""
        return not self.connection.is_usable()

    def is_cursor_lost(self, cursor: CursorWrapper, error: BaseException | None = None) -> bool:
        """Return whether the connection is closed or, by the error's number, was lost."""
        return super().is_cursor_lost(cursor) or errors.is_lost(error)

    def connection_limit(self) -> int | None:
        """Return the server's limit, or the user's where there is a lower one."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT @@max_connections, @@max_user_connections")
            of_server, of_user = map(int, cursor.fetchone())
        return min(of_server, of_user or of_server)

    def likely_transport(self, field: Any) -> Transport:
        """Go by the field's `db_type()`."""
        db_type = (field.db_type(self.connection) or "") if field is not None else ""
        return LIKELY.get(db_type.split("(")[0].lower(), VALUE)

    @property
    def _is_mariadb(self) -> bool:
        return bool(self.connection.mysql_is_mariadb)  # type: ignore[attr-defined]

    def of_expression(self, transport: Transport) -> Transport:
        """Have MariaDB say where what it makes is no day."""
        return COMPUTED if transport is TEXT and self._is_mariadb else transport

    def column_types(self, cursor: CursorWrapper) -> Sequence[ColumnType]:
        """Return the type's number, its flags and its scale."""
        flags = getattr(cursor, "description_flags", None) or [0] * len(cursor.description)
        return [
            ColumnType(column[1], flag, column[5])
            for column, flag in zip(cursor.description, flags, strict=True)
        ]

    def is_float(self, column_type: ColumnType) -> bool:
        """Go by the type's number."""
        return column_type.code in (FLOAT, DOUBLE)

    def mistakes_nulls(self, column_type: ColumnType) -> bool:
        """Go by the type's number: what is made of a zero TIMESTAMP is sorted among the NULLs."""
        return column_type.code == TIMESTAMP

    def transport(self, column_type: ColumnType, used: Transport) -> Transport | None:
        """Go by what the server says."""
        return exact(column_type, self._charset)

    def check_sendable(self, position: tuple[Any, ...]) -> None:
        """Compare the texts with the connection's character set."""
        texts = [value for value in position if isinstance(value, str)]
        if texts and (charset := self._charset) != ALL_CHARACTERS:
            for text in texts:
                sendable(text, charset)

    @property
    def _charset(self) -> str:
        """The character set of the connection. No query."""
        self.connection.ensure_connection()
        return str(self.connection.connection.character_set_name())

    def type_name(self, column_type: ColumnType) -> str:
        """Return what SQL calls the type."""
        return column_type.name

    def comparable(self, sql: str, field: Any) -> str:
        """Wrap what makes a date or time, on MariaDB: it compares CAST('no date' AS DATE) as zero,
        not as the NULL that it is, and only COALESCE() makes it one."""
        is_moment = isinstance(field, (DateField, TimeField))
        return f"COALESCE({sql})" if self._is_mariadb and is_moment else sql

    def null_test(self, sql: str, operator: str, is_column: bool) -> str:
        """Compare with NULL: IS NULL finds a zero date in a column that is NOT NULL, too, and
        MariaDB takes STDDEV() of such a column for something else in HAVING."""
        if operator == "IS NULL":
            return f"{sql} <=> NULL"
        return f"{sql} {operator}" if is_column else f"NOT ({sql} <=> NULL)"

    def not_null_condition(self, table: str, column: str) -> tuple[str, tuple[str, ...]]:
        """Look for NOT NULL in a table: of a view, it is an estimate."""
        return NOT_NULL, (table, column)

    def sort_bytes(self, values: Iterable[Any]) -> int:
        """Count the bytes of the longest text."""
        needed = sort_bytes(values, self.label)
        return (
            needed if needed >= (LEAST_BYTES_OF_MARIADB if self._is_mariadb else LEAST_BYTES) else 0
        )

    def sorting(self, column_types: Sequence[ColumnType], *, converts: bool) -> Scope | None:
        """Read how many bytes texts are sorted by, and the time zone that a TIMESTAMP is read in:
        one query, unless the types are others."""
        codes = {column_type.code for column_type in column_types}
        has_timestamps = converts or TIMESTAMP in codes
        if not has_timestamps and not codes & TEXTS:
            return None
        with self.connection.cursor() as cursor:
            return read_sorting(cursor, bool(codes & TEXTS), has_timestamps)

    def sessions_sort_length(self) -> int:
        """Read `max_sort_length`: one query for each connection."""
        with self.connection.cursor() as cursor:
            return sessions_sort_length(cursor)

    def cancel_handle(self, driver_connection: Any) -> int:
        """Return the connection's number, which no other thread may ask it for."""
        return int(driver_connection.thread_id())

    def cancel(self, handle: int) -> None:
        """Send KILL QUERY, by a second connection."""
        with closing(connect_driver(self.connection)) as apart, closing(apart.cursor()) as cursor:
            cursor.execute(f"KILL QUERY {handle}")

    def sorted_by(self, statement: Statement, length: int) -> Statement:
        """Set `max_sort_length` for the one statement."""
        setting = f"max_sort_length={min(length, MOST_BYTES)}"
        if self._is_mariadb:
            return Statement(f"SET STATEMENT {setting} FOR {statement.sql}", statement.params)
        hinted = statement.sql.replace("SELECT", f"SELECT /*+ SET_VAR({setting}) */", 1)
        return Statement(hinted, statement.params)

    def run_within(self, seconds: float, work: Callable[[], Result]) -> Result | None:
        """Set the session's limit while `work` runs."""
        name = "max_statement_time" if self._is_mariadb else "max_execution_time"
        limit = seconds if self._is_mariadb else max(1, round(seconds * 1000))
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT @@{name}")
            (usual,) = cursor.fetchone()
            cursor.execute(f"SET SESSION {name} = %s", [limit])
        try:
            return work()
        except Error as error:
            if self.transient_error(error) is not TransientError.TIMEOUT:
                raise
            return None
        finally:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET SESSION {name} = %s", [usual])
