"""A cursor on the caller's connection, which may come upon what the loop inserts there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..django_internals.compiler import Extra, Statement, compile_select
from ..django_internals.conditions import with_own_condition


class CallersCursor:
    """Runs a query on the connection of the loop that reads it.

    `execute` runs a statement on a cursor, and closes that where it fails.
    """

    def __init__(
        self,
        queryset: QuerySet[Any, Any],
        connection: BaseDatabaseWrapper,
        extra: Sequence[Extra],
        execute: Callable[[CursorWrapper, Statement, SQLCompiler], CursorWrapper],
    ) -> None:
        self._queryset = queryset
        self._connection = connection
        self._database = database_of(connection)
        self._extra = extra
        self._execute = execute

    def run(
        self, make_cursor: Callable[[], CursorWrapper]
    ) -> tuple[CursorWrapper | None, SQLCompiler]:
        """Run the query; no cursor where it is known to have no rows.

        What the loop inserts is left out where the cursor would come upon it, and so might never
        end; it is not for a table whose rows have no number to tell the new ones by.
        """
        if self._database.reads_rows_as_they_come:
            rows = with_own_condition(self._queryset, self._was_there)
            try:
                if rows is not None:
                    return self._run(rows, make_cursor)
            except Error as error:
                if self._database.knows_what_was_there(error):
                    raise
        return self._run(self._queryset, make_cursor)

    def _was_there(self, alias: str, table: str) -> str:
        quote = self._connection.ops.quote_name
        return self._database.was_there(quote(alias), quote(table))

    def _run(
        self, queryset: QuerySet[Any, Any], make_cursor: Callable[[], CursorWrapper]
    ) -> tuple[CursorWrapper | None, SQLCompiler]:
        statement, compiler, _ = compile_select(queryset.all(), self._connection, self._extra)
        if statement is None:
            return None, compiler
        return self._execute(make_cursor(), statement, compiler), compiler
