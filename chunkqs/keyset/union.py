"""Unions of the ranges of a keyset: several SELECTs in one statement, sorted as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..databases.value_transport import VALUE
from ..django_internals.compiler import Compiled, Extra, Statement, fetched_width
from ..django_internals.conditions import restrict
from .columns import KeyColumn, KeyValue
from .keyset import Keyset
from .learnt_types import Lessons
from .ranges_after_position import Segment
from .ranges_as_sql import separately_between
from .select import KeysetSelect
from .statement_template import LIMIT

NULLS = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}


class KeysetUnion(KeysetSelect):
    """Compiles ranges that are read apart, each by a SELECT of its own."""

    def __init__(
        self, keyset: Keyset, connection: BaseDatabaseWrapper, lessons: Lessons | None = None
    ) -> None:
        super().__init__(keyset, connection, lessons)
        self._united: dict[Any, Compiled] = {}

    def _separately(self, ordered: QuerySet[Any, Any], segment: Segment) -> Statement | None:
        """Compile a SELECT for each range, the nearest first."""
        columns, start, end, _ = segment
        apart = separately_between(columns, start or (), end, self.database)
        ranges = [restrict(ordered, conditions) for conditions in apart]
        parts = [self._part(part, is_alone=len(ranges) == 1) for part in ranges]
        statements = [statement for statement in parts if statement is not None]
        if len(ranges) == 1 or not statements:
            return statements[0] if statements else None
        return self._trimmed(self._union(statements, columns))

    def _has_room(self, statement: Statement) -> bool:
        """Return whether the database takes as many parameters: each range repeats those of the
        filters."""
        most = self.connection.features.max_query_params
        return most is None or len(statement.params) <= most

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


def _direction(column: KeyColumn) -> str:
    nulls = NULLS[column.nulls_first if column.nullable else None]
    return f"{' DESC' if column.descending else ''}{nulls}"
