"""Queries run as SQLCompiler.execute_sql() runs them, for whoever has put something around that.

Read and tested against Django 5.2, 6.0 and 6.1, and django-silk 5.6. execute_sql(CURSOR) calls
as_sql(), makes a cursor of `connection`, executes it and returns it.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.constants import CURSOR

from .compiler import Statement

#: Packages that answer in the place of execute_sql(), from a cache. They would keep a cursor.
CACHES = {"cachalot", "johnny"}


def execute(cursor: CursorWrapper, statement: Statement, compiler: SQLCompiler) -> None:
    """Run `statement` on `cursor`, as a query of `compiler` where those are watched."""
    if not is_watched(type(compiler)):
        cursor.execute(statement.sql, statement.params)
        return
    stand_in = StandIn(cursor)
    connection: Any = compiler.connection
    compiler.connection = LendsOnce(connection, stand_in)  # type: ignore[assignment]
    compiler.as_sql = lambda *args, **kwargs: statement  # type: ignore[method-assign]
    try:
        compiler.execute_sql(CURSOR)
    finally:
        compiler.connection = connection
        del compiler.as_sql
    if not stand_in.is_executed:
        cursor.execute(statement.sql, statement.params)


def is_watched(compiler: type[SQLCompiler]) -> bool:
    """Return whether something that only looks on stands in the place of execute_sql()."""
    method: Any = compiler.execute_sql
    # functools.wraps() copies __module__, but not where the code comes from.
    home = method.__globals__["__name__"] if isinstance(method, FunctionType) else "wrapped"
    return not home.startswith("django.") and home.partition(".")[0] not in CACHES


class StandIn:
    """What a watcher gets to see of the cursor: it cannot take rows from it."""

    def __init__(self, cursor: CursorWrapper) -> None:
        self._cursor = cursor
        self.is_executed = False

    def execute(self, sql: str, params: Any = None) -> None:
        """Execute the cursor."""
        self._cursor.execute(sql, params)
        self.is_executed = True

    def close(self) -> None:
        """Close the cursor, as execute_sql() does when its query fails."""
        self._cursor.close()


class LendsOnce:
    """A connection whose first cursor is one that is there already.

    What a watcher asks later, such as an EXPLAIN, goes to the connection itself.
    """

    def __init__(self, connection: Any, cursor: StandIn) -> None:
        self._connection = connection
        self._lent: StandIn | None = cursor

    def cursor(self) -> Any:
        """Return the cursor that is there, then cursors of the connection's own."""
        lent, self._lent = self._lent, None
        return lent if lent is not None else self._connection.cursor()

    chunked_cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
