"""SQLite."""

from __future__ import annotations

import re
from typing import Any

from django.db import Error
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from .answers import RepeatedWork, TransientError
from .base import Database
from .value_transport import Transport

SQLITE_BUSY = 5
#: What is selected as an expression comes as it is stored.
EXPRESSION = Transport("+(", ")", sorts=True)
#: What the driver says of a text that is not UTF-8, in a column that is selected so.
UNDECODABLE = f"Could not decode to UTF-8 column '{EXPRESSION.before}"

NOT_NULL = (
    "EXISTS (SELECT 1 FROM pragma_table_xinfo(%s) AS i WHERE lower(i.name) = lower(%s)"
    ' AND i."notnull")'
)
SORTS = "USE TEMP B-TREE FOR ORDER BY"
#: The driver has no codes for these.
NO_ROW_NUMBER = "_rowid_"
CLOSED = re.compile(r"closed (?:database|cursor)")


class SQLite(Database):
    """SQLite, which has no server: every walk reads on the caller's connection."""

    compares_rows = True
    reads_ranges_apart = True
    prefers_or_to_order = True
    compares_rowid_alone = True
    bounds_compared_expressions = True
    nests_union_members = True
    indexes_end_with_key = True
    has_sessions = False
    reads_rows_as_they_come = True
    finds_parametrized_expressions = False
    deviates_exactly = True

    @property
    def is_seen_by_others(self) -> bool:
        """Whether the database is a file: one in memory is its connection's own."""
        return not self.connection.is_in_memory_db()  # type: ignore[attr-defined]

    def repeated_work(self, statement: Statement) -> RepeatedWork | None:
        """Look for a temporary B-tree for the whole order; SQLite doesn't say of how many rows.

        Of several ranges the last one counts, which has nearly all rows; what brings them into
        one order has a chunk's at most.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.params)
            steps = cursor.fetchall()
        ranges = [number for number, _, _, step in steps if step.startswith("CO-ROUTINE")]
        sorting = [parent for _, parent, _, step in steps if step == SORTS]
        return RepeatedWork.SORT if max(ranges, default=0) in sorting else None

    def transient_error(self, error: Error) -> TransientError | None:
        """Return CONFLICT where another connection has locked the database."""
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        return TransientError.CONFLICT if code & 0xFF == SQLITE_BUSY else None

    def is_disconnected(self, error: Error) -> bool:
        """Return False: there is no server to lose."""
        return False

    def is_cursor_lost(self, cursor: CursorWrapper, error: BaseException | None = None) -> bool:
        """Return whether `error` says that the connection or cursor was closed."""
        return error is not None and bool(CLOSED.search(str(error)))

    def cannot_read_key(self, error: Error) -> bool:
        """Return True for a text that is not UTF-8: SQLite stores any bytes as text."""
        return str(error).startswith(UNDECODABLE)

    def was_there(self, alias: str, table: str) -> str:
        """Compare the row number with the highest one, which SQLite reads once, at the first row.

        A view has none before SQLite 3.36. As the number is inside of a function, no index is
        chosen by it.
        """
        return f"COALESCE({alias}._rowid_ <= (SELECT MAX(_rowid_) FROM {table}), 1)"

    def knows_what_was_there(self, error: Error) -> bool:
        """Return False for a view, or a table WITHOUT ROWID."""
        return NO_ROW_NUMBER not in str(error)

    def cancel(self, handle: Any) -> None:
        """Interrupt the query, from whichever thread."""
        handle.interrupt()

    def not_null_condition(self, table: str, column: str) -> tuple[str, tuple[str, ...]]:
        """Look for NOT NULL, which no column of a view has."""
        return NOT_NULL, (table, column)

    def likely_transport(self, field: Any) -> Transport:
        """Return an expression: a column's value is converted by the type that it was declared
        with, which loses what the type does not hold."""
        return EXPRESSION
