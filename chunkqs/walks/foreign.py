"""Build rows by iterable classes and QuerySet methods of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from sys import maxsize
from typing import Any

from django.db import NotSupportedError
from django.db.models import QuerySet, prefetch_related_objects

from ..django_internals.compiler import Block
from ..django_internals.iterables import (
    AsksDerivedRows,
    Feed,
    cut_to_selected,
    fed,
    has_own_iterable,
    has_own_iteration,
    iterate,
    rows_of,
)
from ..django_internals.models import iterable_class_of
from ..django_internals.queries import prefetch_lookups
from ..exports.rows import RowIterable
from ..hydration.origins import UNKNOWN, Origins, aligned
from ..sources.sizing import FixedSize
from ..sources.stream import OpenSource
from .build import BlockBuilder, Builder, Built, Fetch, block_builder, repeated
from .plan import Plan, Positioner


def builder(
    plan: Plan,
    opened: OpenSource,
    positioner: Positioner | None,
    fetch: Fetch,
    sizes: FixedSize,
    alias: str,
) -> Builder:
    """Return what builds the rows of a walk, in the way that its queryset asks for."""
    queryset = plan.queryset.using(alias)
    if opened.is_written or issubclass(iterable_class_of(queryset), RowIterable):
        return block_builder(queryset, opened, fetch, sizes, whole_chunks=plan.whole_chunks)
    if has_own_iteration(queryset) or has_own_iterable(queryset):
        by_block = partial(_builder_by_block, plan, queryset, opened, positioner, fetch, sizes)
        if has_own_iteration(queryset):
            return by_block()
        return IterableBuilder(
            queryset,
            opened,
            fetch,
            sizes,
            whole_chunks=plan.whole_chunks,
            by_block=by_block if positioner else None,
        )
    return block_builder(queryset, opened, fetch, sizes, whole_chunks=plan.whole_chunks)


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
        whole_chunks: bool,
        by_block: partial[BlockBuilder] | None,
    ) -> None:
        self._queryset = queryset
        self._compiler = opened.compiler
        self._fetch = fetch
        self._sizes = sizes
        self._lookups = prefetch_lookups(queryset)
        self._takes_chunks = whole_chunks or bool(self._lookups)
        self._make_by_block = by_block
        self._by_block: BlockBuilder | None = None
        self._origins = Origins(opened.compiler) if by_block else None
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
                assert self._make_by_block is not None
                self._by_block = self._make_by_block(self._first)
                self._first = []
        return self._by_block.next()

    def _begin(self) -> Iterator[Any]:
        self._first = self._fetch()
        feed = Feed(self._raw_rows, lets_derive=self._make_by_block is None)
        return iterate(fed(self._queryset, feed), self._sizes.limit(self._first))

    def _raw_rows(self) -> Iterator[Any]:
        block, self._first = self._first, []
        read = self._origins.read if self._origins else None
        while block:
            self._sizes.observe(block, ())
            if self._origins is not None:
                self._origins.begin_block()
            cut = cut_to_selected(self._compiler, block)
            for raw_row, full in zip(cut, block, strict=True):
                if read is not None:
                    read(full)
                yield raw_row
            # Only the iterable class holds rows while the next ones are on their way.
            del block, cut, raw_row, full
            block = self._fetch()

    def _take(self, rows: Iterator[Any]) -> Built | None:
        number = self._sizes.rows if self._takes_chunks else 1
        taken: list[Any] = []
        block: Block = []
        for row in islice(rows, number):
            taken.append(row)
            block.append(self._origin_of(row))
        if not taken:
            return None
        if self._lookups:
            prefetch_related_objects(taken, *self._lookups)
        is_end = len(taken) < number
        last = self._origins.latest if self._origins and is_end else block[-1]
        return Built(taken, block, last)

    def _origin_of(self, row: Any) -> Any:
        """Return the raw row after which a walk goes on after this row.

        After a row of a class that leaves some out, by a count perhaps, only the beginning of
        the block is safe. A chunk is to be the range of its rows, though.
        """
        if self._origins is None:
            return UNKNOWN
        raw_row, block_before = self._origins.of(row)
        is_unsafe = self._origins.leaves_out and not self._takes_chunks
        return block_before if is_unsafe else raw_row

    def forget(self) -> None:
        """Let go of the iterable class, and of what it has read."""
        self._rows, self._first = iter(()), []
        if self._by_block is not None:
            self._by_block.forget()


def _builder_by_block(
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
        return Built(rows, aligned(rows, block, self._compiler), block[-1])

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
        if lookups := prefetch_lookups(queryset):
            prefetch_related_objects(rows, *lookups)
        return rows
