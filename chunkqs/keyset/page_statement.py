"""The statement of one page: the NULL segments of an order, read by one query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.db.models.lookups import IsNull

from ..django_internals.compiler import Extra, Statement
from .columns import KeyColumn
from .query import KeysetQuery
from .ranges_after_position import Position
from .statement_template import LIMIT, Open, Template


class PageQuery(KeysetQuery):
    """Makes the statement of one page.

    A walk runs the query of the next NULL segment when the one before has ended. For a page
    that would be a second query, so its statement reads as many rows as are asked for from
    each of the segments, and keeps the first of all of them.
    """

    def statements(self, start: Position | None, end: Position | None) -> Iterator[Open]:
        """Yield one query; one for each segment where rows are locked, which no UNION does."""
        segments = list(super().statements(start, end))
        if len(segments) > 1 and not self.locks:
            yield partial(self._of_all, segments)
        else:
            yield from (partial(self._of_one, segment) for segment in segments)

    def _of_one(self, segment: Open, limit: int) -> Statement:
        return self._sorted(super()._trimmed(segment(limit)))

    def _of_all(self, segments: list[Open], limit: int) -> Statement:
        union = self._union([segment(limit) for segment in segments], self.columns)
        statement = Statement(union.sql.replace(LIMIT, str(limit)), union.params)
        return self._sorted(super()._trimmed(statement))

    def _filled(
        self, template: Template, start: Position | None, end: Position | None, limit: int
    ) -> Statement:
        """Fill in a segment, which may become a part of a larger statement."""
        return template.fill(start, end, limit)

    def _trimmed(self, statement: Statement) -> Statement:
        """Leave the columns that a segment is sorted by to the union of all segments."""
        return statement

    def _part(self, queryset: QuerySet[Any, Any], is_alone: bool) -> Statement | None:
        """Compile a range with the columns that the union of all segments is sorted by."""
        return self._compile(queryset, *self._sort_columns, *self._flags).statement

    @property
    def _misplaced(self) -> list[KeyColumn]:
        """The columns whose NULLs this database has on the other side, unless told by a term.

        A UNION is ordered by what it selects, so whether there is a NULL is selected, too.
        """
        if self.connection.features.supports_order_by_nulls_modifier:
            return []
        return [column for column in self.columns if self._is_misplaced(column)]

    def _is_misplaced(self, column: KeyColumn) -> bool:
        usual = replace(column, nulls_first=None).has_nulls_first(self.database)
        return column.nullable and column.nulls_first not in (None, usual)

    @property
    def _flags(self) -> list[Extra]:
        return [Extra(IsNull(column.expression, True)) for column in self._misplaced]

    def _flag_places(self) -> Sequence[int]:
        ordered = self._ordered(self.columns)
        compiled = self._compile(ordered, *self._sort_columns, *self._flags)
        return compiled.places[len(compiled.places) - len(self._misplaced) :]

    def _numbered(self, columns: Sequence[KeyColumn], before: int = 0) -> Iterator[str]:
        if self.connection.features.supports_order_by_nulls_modifier:
            yield from super()._numbered(columns, before)
            return
        flags = dict(zip(self._misplaced, self._flag_places(), strict=True))
        bare = [replace(column, nulls_first=None) for column in columns]
        for column, number in zip(columns, super()._numbered(bare, before), strict=True):
            if column in flags:
                yield f"{before + flags[column] + 1}{' DESC' if column.nulls_first else ''}"
            yield number
