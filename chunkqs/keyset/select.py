"""The SELECT of a keyset: rows with the key columns beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..django_internals.compiler import Compiled, Extra, compile_select
from ..django_internals.conditions import as_intervals
from ..django_internals.ordering import ordered_by
from .access_path import access_path_of
from .columns import TYPE_ALONE, KeyColumn, KeyValue
from .keyset import Keyset
from .learnt_types import Lessons
from .statement_template import LIMIT, MANY_ROWS, number_unlike
from .unproven_not_null import with_nulls


class KeysetSelect:
    """Compiles the rows of a keyset, with what positions are made of, for one connection."""

    def __init__(
        self, keyset: Keyset, connection: BaseDatabaseWrapper, lessons: Lessons | None = None
    ) -> None:
        self.keyset = keyset
        self.connection = connection
        self.database = database_of(connection)
        self.lessons = lessons or Lessons.before_any_row(keyset.columns, self.database)
        self._access_path = access_path_of(keyset, self.database)
        self._source = as_intervals(keyset.source, self._access_path.pinned)
        self._compilations: dict[Any, Compiled] = {}

    @property
    def columns(self) -> tuple[KeyColumn, ...]:
        """The columns of the order, those as nullable that the walk has found to be."""
        return with_nulls(self.keyset.columns, self.lessons.nullable)

    @property
    def compiler(self) -> SQLCompiler:
        """What knows the columns that every one of the statements selects."""
        return self._compiled.compiler

    @property
    def places(self) -> Sequence[int]:
        """Where the key columns stand in a raw row of any of the statements."""
        return self._compiled.places[: len(self.keyset.columns)]

    @property
    def extra(self) -> list[Extra]:
        """The columns that positions are made of, and those that show of which types they are."""
        expressions = [column.expression for column in self.keyset.columns]
        values = [
            Extra(KeyValue(expression, transport))
            for expression, transport in zip(expressions, self.lessons.transports, strict=True)
        ]
        if not self.database.knows_types:
            return values
        return values + [Extra(KeyValue(one, TYPE_ALONE), shown_by=one) for one in expressions]

    @property
    def _compiled(self) -> Compiled:
        way = self.lessons.transports, self.lessons.nullable
        if way not in self._compilations:
            self._compilations[way] = self._compile(self._ordered(self.columns))
        return self._compilations[way]

    def _ordered(self, columns: Iterable[KeyColumn]) -> QuerySet[Any, Any]:
        return ordered_by(self._source, [*self._access_path.front, *map(self._order, columns)])

    def _order(self, column: KeyColumn) -> OrderBy:
        """Name the place of NULLs where there are none, if an index is declared that does."""
        first = self.columns[0]
        is_named = self._access_path.names_nulls and column.expression == first.expression
        return (first if is_named else column).order()

    def _compile(self, queryset: QuerySet[Any, Any], *more: Extra) -> Compiled:
        extra = [*self.extra, *more]
        compiled = compile_select(queryset[:MANY_ROWS], self.connection, extra)
        number = MANY_ROWS
        if compiled.statement and compiled.statement.sql.count(str(number)) != 1:
            number = number_unlike(compiled.statement.sql)
            compiled = compile_select(queryset[:number], self.connection, extra)
        if compiled.statement is None:
            return compiled
        sql = compiled.statement.sql.replace(str(number), LIMIT)
        return compiled._replace(statement=compiled.statement._replace(sql=sql))
