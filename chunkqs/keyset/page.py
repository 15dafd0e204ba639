"""The statement of one page: the NULL segments of an order, read by one query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from django.db.models import QuerySet
from django.db.models.lookups import IsNull

from ..django_internals.compiler import Compiled, Statement, compile_select
from .columns import KeyColumn
from .query import LIMIT, KeysetQuery, Open, Template
from .ranges import Position


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
            yield partial(self._united, segments)
        else:
            yield from (partial(self._alone, segment) for segment in segments)

    @property
    def places(self) -> Sequence[int]:
        """Where the key columns stand in a raw row."""
        return self._compiled.places[: len(self.keyset.columns)]

    def _alone(self, segment: Open, limit: int) -> Statement:
        return self._sorted(segment(limit))

    def _united(self, segments: list[Open], limit: int) -> Statement:
        union = self._union([segment(limit) for segment in segments], self.keyset.columns)
        statement = Statement(union.sql.replace(str(LIMIT), str(limit)), union.params)
        return self._sorted(statement)

    def _filled(
        self, template: Template, start: Position | None, end: Position | None, limit: int
    ) -> Statement:
        """Fill in a segment, which may become a part of a larger statement."""
        return template.fill(start, end, limit)

    @cached_property
    def _misplaced(self) -> list[KeyColumn]:
        """The columns whose NULLs this database has on the other side, unless told by a term.

        A UNION is ordered by what it selects, so whether there is a NULL is selected, too.
        """
        if self.connection.features.supports_order_by_nulls_modifier:
            return []
        return [column for column in self.keyset.columns if self._is_misplaced(column)]

    def _is_misplaced(self, column: KeyColumn) -> bool:
        usual = replace(column, nulls_first=None).has_nulls_first(self.database)
        return column.nullable and column.nulls_first not in (None, usual)

    def _numbered(self, columns: Sequence[KeyColumn]) -> Iterator[str]:
        if self.connection.features.supports_order_by_nulls_modifier:
            yield from super()._numbered(columns)
            return
        flags = dict(
            zip(self._misplaced, self._compiled.places[len(self.keyset.columns) :], strict=True)
        )
        bare = [replace(column, nulls_first=None) for column in columns]
        for column, number in zip(columns, super()._numbered(bare), strict=True):
            if column in flags:
                yield f"{flags[column] + 1}{' DESC' if column.nulls_first else ''}"
            yield number

    def _compile(self, queryset: QuerySet[Any, Any]) -> Compiled:
        flags = [IsNull(column.expression, True) for column in self._misplaced]
        extra = [*self.keyset.expressions, *flags]
        return compile_select(queryset[:LIMIT], self.connection, extra=extra)
