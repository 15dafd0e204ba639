"""SQLite."""

from __future__ import annotations

import re
from typing import Any

from django.db import Error
from django.db.backends.utils import CursorWrapper

from .base import Database, TransientError

SQLITE_BUSY = 5
#: The driver has no code for it.
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
    sorts_within_prefix = True

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

    def cancel(self, driver_connection: Any) -> None:
        """Interrupt the query, from whichever thread."""
        driver_connection.interrupt()

    def key_sql(self, sql: str, field: Any) -> str:
        """Select an expression: a column's value is converted by the type that it was declared
        with, which loses what the type does not hold."""
        return f"+({sql})"
