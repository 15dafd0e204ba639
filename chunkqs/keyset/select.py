"""The SELECTs of a keyset: rows with the key columns beside them, and unions of ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.transport import VALUE
from ..django_internals.compiler import (
    Compiled,
    Extra,
    Statement,
    compile_select,
    fetched_width,
)
from ..django_internals.conditions import as_intervals
from ..django_internals.ordering import ordered_by
from .access_path import access_path_of
from .columns import TYPE_ALONE, KeyColumn, KeyValue
from .keyset import Keyset
from .lessons import Lessons
from .nullability import with_nulls
from .template import LIMIT, MANY_ROWS, number_unlike

NULLS = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}


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
        self._united: dict[Any, Compiled] = {}

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

    def _part(self, queryset: QuerySet[Any, Any], is_alone: bool) -> Statement | None:
        """Compile one range, with the columns that a union of several is sorted by."""
        return self._compile(queryset, *([] if is_alone else self._sort_columns)).statement

    @property
    def _sort_columns(self) -> list[Extra]:
        """The columns to sort a union by, where what positions are made of sorts otherwise."""
        if all(transport.sorts for transport in self.lessons.transports):
            return []
        return [Extra(KeyValue(column.expression, VALUE)) for column in self.keyset.columns]

    @property
    def _with_sort_columns(self) -> Compiled:
        """The whole walk with the columns to sort a union by at the end of a raw row."""
        way = self.lessons.transports, self.lessons.nullable
        if way not in self._united:
            self._united[way] = self._compile(self._ordered(self.columns), *self._sort_columns)
        return self._united[way]

    def _ordered(self, columns: Iterable[KeyColumn]) -> QuerySet[Any, Any]:
        return ordered_by(self._source, [*self._access_path.front, *map(self._order, columns)])

    def _order(self, column: KeyColumn) -> OrderBy:
        """Name the place of NULLs where there are none, if an index is declared that does."""
        first = self.columns[0]
        is_named = self._access_path.names_nulls and column.expression == first.expression
        return (first if is_named else column).order()

    def _union(self, statements: Sequence[Statement], columns: Sequence[KeyColumn]) -> Statement:
        wrapped = "SELECT * FROM (%s)" if self.database.nests_union_members else "(%s)"
        union = " UNION ALL ".join(wrapped.replace("%s", s.sql) for s in statements)
        params = [param for statement in statements for param in statement.params]
        order = ", ".join(self._numbered(columns))
        return Statement(f"{union} ORDER BY {order} LIMIT {LIMIT}", tuple(params))

    @property
    def sortable(self) -> list[Extra]:
        """The columns that positions are made of, and those that `in_order()` sorts by."""
        return [*self.extra, *self._sort_columns]

    def in_order(self, united: Statement, before: int) -> Statement:
        """Sort a union of statements that fetch what is `sortable`, and of which each row has so
        many columns before its own. Leave out what it is sorted by alone."""
        width = before + fetched_width(self._compiled.compiler)
        full = before + fetched_width(self._with_sort_columns.compiler)
        names = [f"c{number}" for number in range(1, full + 1)]
        order = ", ".join(f"c{term}" for term in self._numbered(self.columns, before))
        sql = f"SELECT {', '.join(names[:width])} FROM ({united.sql}) AS united"
        return Statement(f"{sql} ({', '.join(names)}) ORDER BY {order}", united.params)

    def _numbered(self, columns: Sequence[KeyColumn], before: int = 0) -> Iterator[str]:
        """Yield the terms of an ORDER BY that names each column by its number in a raw row, with
        so many columns before."""
        width = len(self.keyset.columns)
        places = self._with_sort_columns.places[-width:] if self._sort_columns else self.places
        keyed = zip(self.keyset.columns, places, strict=True)
        numbers = {column.expression: before + place + 1 for column, place in keyed}
        for column in columns:
            yield f"{numbers[column.expression]}{_direction(column)}"

    def _trimmed(self, statement: Statement) -> Statement:
        """Return a union without the columns that it is sorted by, which a driver may not be able
        to read."""
        width = fetched_width(self._compiled.compiler)
        full = fetched_width(self._with_sort_columns.compiler)
        if width == full or not self.database.names_derived_columns:
            return statement
        return self.in_order(statement, before=0)

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


def _direction(column: KeyColumn) -> str:
    nulls = NULLS[column.nulls_first if column.nullable else None]
    return f"{' DESC' if column.descending else ''}{nulls}"
