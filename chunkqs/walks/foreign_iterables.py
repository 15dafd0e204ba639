"""Build rows by iterable classes and QuerySet methods of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from sys import maxsize
from typing import Any

from django.db import NotSupportedError
from django.db.models import QuerySet

from ..django_internals.compiler import Block, cut_to_selected
from ..django_internals.iterables import (
    AsksDerivedRows,
    Feed,
    fed,
    has_own_iteration,
    iterate,
    rows_of,
)
from ..keyset.ranges_after_position import Position
from ..sources.sizing import FixedSize
from ..sources.stream import OpenSource
from .block_builder import BlockBuilder, Built, Fetch, repeated
from .foreign_positions import Origins, aligned
from .plan import Plan, Positioner
from .prefetching import prefetch
from .rows_at_once import takes_whole_chunks


class IterableBuilder:
    """Builds rows by an iterable class that isn't Django's, run once over the whole walk.

    So one that counts, or remembers what it has seen, does not begin again with every block.
    One that asks rows of a derived query instead, of other columns perhaps, cannot be given
    raw rows. In a stream its query runs as it does in Django's iterator(). In a walk by keyset
    it gets the rows of each block as a queryset of their own.
    """

    def __init__(
        self,
        queryset: QuerySet[Any, Any],
        opened: OpenSource,
        fetch: Fetch,
        sizes: FixedSize,
        *,
        is_chunked: bool,
        by_block: partial[BlockBuilder],
        positioner: Positioner | None,
        start: Position | None,
    ) -> None:
        self._queryset = queryset
        self._compiler = opened.compiler
        self._fetch = fetch
        self._sizes = sizes
        self._takes_chunks = takes_whole_chunks(queryset, is_chunked=is_chunked)
        self._make_by_block = by_block
        self._by_block: BlockBuilder | None = None
        self._positioner = positioner
        self._origins = Origins(opened.compiler, start)
        self._first: Block = []
        self._rows: Iterator[Any] | None = None

    def next(self) -> Built | None:
        """Take the next row, or a chunk of them where they are handed over as such."""
        if self._by_block is None:
            try:
                if self._rows is None:
                    self._rows = self._begin()
                return self._take(self._rows)
            except AsksDerivedRows:
                self._by_block = self._make_by_block(self._first)
                self._first = []
        return self._by_block.next()

    def _begin(self) -> Iterator[Any]:
        self._first = self._fetch()
        feed = Feed(self._raw_rows, lets_derive=self._positioner is None)
        return iterate(fed(self._queryset, feed), self._sizes.limit(self._first))

    def _raw_rows(self) -> Iterator[Any]:
        block, self._first = self._first, []
        while block:
            self._sizes.observe(block, ())
            yield from self._noted(block)
            # Only the iterable class holds rows while the next ones are on their way.
            del block
            block = self._fetch()

    def _noted(self, block: Block) -> Iterator[Any]:
        """Yield the raw rows, noting of each where it stands."""
        cut = cut_to_selected(self._compiler, block)
        if self._positioner is None:
            yield from cut
            return
        self._origins.begin_block()
        positions = list(map(self._positioner, block))
        for raw_row, position in zip(cut, positions, strict=True):
            self._origins.read(raw_row, position)
            yield raw_row

    def _take(self, rows: Iterator[Any]) -> Built | None:
        """Take so many rows. A chunk is to be the range of its rows; else a safe place will do."""
        number = self._sizes.rows if self._takes_chunks else 1
        place_of = self._origins.place_of if self._takes_chunks else self._origins.safe_place_of
        taken: list[Any] = []
        places: list[Any] = []
        for row in islice(rows, number):
            taken.append(row)
            places.append(place_of(row))
        if not taken:
            return None
        prefetch(taken, self._queryset)
        is_end = len(taken) < number
        return Built(taken, places, self._origins.latest if is_end else places[-1])

    def forget(self) -> None:
        """Let go of the iterable class, and of what it has read."""
        self._rows, self._first = iter(()), []
        if self._by_block is not None:
            self._by_block.forget()


def builder_by_block(
    plan: Plan,
    queryset: QuerySet[Any, Any],
    opened: OpenSource,
    positioner: Positioner | None,
    fetch: Fetch,
    sizes: FixedSize,
    block: Block | None = None,
) -> BlockBuilder:
    build = BlockIteration(plan, queryset, opened, positioner)
    return BlockBuilder(repeated(build, opened), fetch, sizes, maxsize, block)


class BlockIteration:
    """Builds the rows of each block as a loop over a queryset of that block would."""

    def __init__(
        self,
        plan: Plan,
        queryset: QuerySet[Any, Any],
        opened: OpenSource,
        positioner: Positioner | None,
    ) -> None:
        self._plan = plan
        self._queryset = queryset
        self._compiler = opened.compiler
        self._positioner = positioner
        self._before = plan.after
        self._is_own = has_own_iteration(queryset)

    def __call__(self, block: Block) -> Built:
        """Build the rows of `block`; what they are built of is UNKNOWN if it cannot be told."""
        queryset, position = self._queryset, None
        if self._positioner is not None:
            position = self._positioner(block[-1])
            queryset = self._plan.between(self._before, position).using(self._queryset.db)
        raw_rows = cut_to_selected(self._compiler, block)
        feed = Feed(lambda: iter(raw_rows), lets_derive=self._positioner is not None)
        rows = self._rows(fed(queryset, feed), len(block))
        self._before = position
        built_of = aligned(rows, block, self._compiler, self._positioner)
        return Built(rows, built_of, block[-1])

    def _rows(self, queryset: QuerySet[Any, Any], size: int) -> list[Any]:
        try:
            if self._is_own:
                return rows_of(queryset)
            rows = list(iterate(queryset, size))
        except AsksDerivedRows:
            kind = type(queryset)
            raise NotSupportedError(
                f"{kind.__module__}.{kind.__qualname__} asks further queries when it is iterated "
                "over, which a stream cannot limit to the rows of one chunk. Use keyset_iter() or "
                "chunks(), or Django's iterator()."
            ) from None
        prefetch(rows, queryset)
        return rows
