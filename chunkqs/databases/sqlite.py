"""SQLite."""

from __future__ import annotations

from typing import Any

from django.db import Error

from .base import Database, TransientError

SQLITE_BUSY = 5


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
    has_sessions = False

    @property
    def is_seen_by_others(self) -> bool:
        """Whether the database is a file: one in memory is its connection's own."""
        return not self.connection.is_in_memory_db()  # type: ignore[attr-defined]

    def transient_error(self, error: Error) -> TransientError | None:
        """Return CONFLICT where another connection has locked the database."""
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        return TransientError.CONFLICT if code & 0xFF == SQLITE_BUSY else None

    def is_disconnected(self, error: Error) -> bool:
        """Return False: there is no server to lose."""
        return False

    def key_sql(self, sql: str, field: Any) -> str:
        """Select an expression: a column's value is converted by the type that it was declared
        with, which loses what the type does not hold."""
        return f"+({sql})"
