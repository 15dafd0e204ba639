"""What the caller holds: rows and chunks that are asked for when they are needed."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from math import ceil
from threading import get_ident
from typing import Any, Generic, NoReturn, Self, TypeVar, overload
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import QuerySet

from .arguments import checked_chunk_size, checked_seconds, refuse_both
from .databases.estimates import estimate
from .django_internals.compiler import Block
from .errors import KeysetError
from .keyset.predicates import Position
from .walks.iterators import AsyncWalkIterator, WalkIterator
from .walks.plan import Plan
from .walks.walk import Walk

Row = TypeVar("Row")
Item = TypeVar("Item")
AnyIterator = WalkIterator[Any] | AsyncWalkIterator[Any]


class Chunk(list[Row]):
    """A list of rows that knows its number, its position and its queryset."""

    number: int = 0
    """Counted from 0."""
    last: Position | None = None
    _before: Position | None = None
    _plan: Plan | None = None

    @classmethod
    def of(cls, plan: Plan, walk: Walk, rows: list[Row], block: Block) -> Self:
        """Make the chunk that `walk` has come to, of `rows` that were built of `block`."""
        chunk = cls(rows)
        chunk.number = walk.number
        chunk.last = walk.position_of(block[-1]) if block else None
        chunk._before = walk.before
        chunk._plan = plan
        return chunk

    @property
    def position(self) -> str:
        """The token after the chunk's last row, for `after=`. No query.

        Raises KeysetError where the query has no total order (union, grouped values).
        """
        plan = self._needed_plan()
        plan.needed_keyset()
        return plan.token(self.last or ())

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """The chunk's key range under the query's own filters: for update(), delete(), count().

        It names the range, not the rows: what has been inserted into the range since is in
        it, what has left the range or the filter is not. Raises KeysetError as `position`.
        """
        return self._needed_plan().between(self._before, self.last)

    def _needed_plan(self) -> Plan:
        if self._plan is None:
            raise KeysetError("Only a Chunk that came from chunks() has a position and a queryset.")
        return self._plan


class Lazy(ABC, Generic[Item]):
    """A plan that is walked again by each `iter()`, and what was begun of it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._iterators: WeakSet[AnyIterator] = WeakSet()
        self._scopes: list[Scope] = []
        self._latest: Walk | None = None

    def __iter__(self) -> Iterator[Item]:
        """Begin a walk. Its first query runs when the first row is asked for."""
        iterator: WalkIterator[Item] = WalkIterator.of(self._walk())
        self._note(iterator)
        return iterator

    def __aiter__(self) -> AsyncIterator[Item]:
        """Begin a walk from a coroutine: the same queries, in Django's thread for them."""
        iterator: AsyncWalkIterator[Item] = AsyncWalkIterator(self._walk())
        self._note(iterator)
        return iterator

    @abstractmethod
    def _walk(self) -> Walk:
        """Begin a walk, which is the latest then."""

    def _note(self, iterator: AnyIterator) -> None:
        """Remember what was begun, for `close()` and the end of the scope."""
        self._iterators.add(iterator)
        scope = self._scope()
        if scope is not None:
            scope.iterators.add(iterator)

    def __enter__(self) -> Self:
        """Open a scope: its end ends the walks that were begun in it, in this thread or task."""
        self._scopes.append(Scope())
        return self

    def __exit__(self, *exc_info: object) -> None:
        scope = self._scope()
        if scope is not None:
            self._scopes.remove(scope)
            interrupt(scope.iterators)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        scope = self._scope()
        if scope is not None:
            self._scopes.remove(scope)
            await sync_to_async(interrupt)(scope.iterators)

    def _scope(self) -> Scope | None:
        """Return the innermost scope of this thread or task."""
        place = current_place()
        return next((scope for scope in reversed(self._scopes) if scope.place == place), None)

    def close(self) -> None:
        """End every walk that was begun here, with its cursor and private connection.

        The iterator of one whose rows have not run out raises StreamInterrupted when it is
        asked for more. A walk also ends by itself: when its rows run out, on `break`, on an
        exception and when its iterator is dropped. A later `iter()` begins a new one.
        """
        interrupt(self._iterators)

    async def aclose(self) -> None:
        """Do what `close()` does, from a coroutine."""
        await sync_to_async(self.close)()

    @property
    def position(self) -> str | None:
        """The token of the last row that the latest walk handed out; None before the first.

        Give it to `after=` to resume the walk after that row. No query.
        Raises KeysetError on a `stream()`, whose rows have no position.
        """
        self._plan.needed_keyset()
        position = self._latest.position if self._latest else self._plan.after
        return None if position is None else self._plan.token(position)

    def count(self) -> int:
        """Return how many rows there are: one exact COUNT.

        It is kept for as long as the latest walk goes on, and never longer.
        """
        walk = self._latest
        if walk is None or not walk.is_going:
            return self._plan.rows().count()
        if walk.count is None:
            walk.count = self._plan.rows().count()
        return walk.count

    async def acount(self) -> int:
        """Do what `count()` does, from a coroutine."""
        return await sync_to_async(self.count)()

    def estimate(self) -> int:
        """Return about how many rows there are, by the planner's statistics.

        One EXPLAIN on PostgreSQL, MySQL and MariaDB, in milliseconds at any size; an
        exact COUNT elsewhere.
        """
        rows = self._plan.rows()
        return estimate(rows, connections[rows.db])

    async def aestimate(self) -> int:
        """Do what `estimate()` does, from a coroutine."""
        return await sync_to_async(self.estimate)()

    def __bool__(self) -> bool:
        """Return whether there is any row: one EXISTS."""
        return self._plan.rows().exists()

    def __repr__(self) -> str:
        """Describe the walk, without a query."""
        label = self._plan.queryset.model._meta.label
        return f"<{type(self).__name__}: {self._method()} of {label}>"

    def _method(self) -> str:
        return f"{self._plan.method}()"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: that would run the query, and hold all its rows."""
        raise TypeError(
            f"A {type(self).__name__} cannot be pickled: it reads from a connection of this "
            "process. Pickle the queryset's `query`, or hand on a position of keyset_iter()."
        )


class LazyRows(Lazy[Row]):
    """The rows of a walk: sized, re-iterable and lazy, in place of a queryset in a loop.

    Holds one chunk of rows at a time. `len()` and `count()` ask for an exact COUNT,
    `bool()` for an EXISTS, an index or slice for a query of its own; `list()` calls
    `len()` first, write `list(iter(rows))` to save that COUNT.
    """

    def _walk(self) -> Walk:
        self._latest = Walk(self._plan, rows_themselves)
        return self._latest

    def __len__(self) -> int:
        return self.count()

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> QuerySet[Any, Row]: ...
    def __getitem__(self, key: int | slice) -> Any:
        """Ask for a row, or for a queryset of the rows of a slice, by a query of its own."""
        return self._plan.rows()[key]

    def __reversed__(self) -> Iterator[Row]:
        """Walk the same rows from the other end. TypeError where they have no order."""
        backwards = Walk(self._plan.reverse(), rows_themselves)
        iterator: WalkIterator[Row] = WalkIterator.of(backwards)
        self._note(iterator)
        return iterator

    def chunks(
        self, size: int | None = None, *, target_seconds: float | None = None
    ) -> LazyChunks[Row]:
        """Return the same rows as lists, `Chunk`s, by the same way of reading.

        From `stream()` they come through one cursor, and in a total order: the primary
        key is added to the query's own, so that every chunk is a range of keys.
        """
        refuse_both(size, target_seconds)
        seconds = checked_seconds(target_seconds)
        rows = checked_chunk_size(size, "size")
        if rows is None and seconds is None:
            rows = self._plan.sizing.chunk_size
        sizing = replace(self._plan.sizing, chunk_size=rows, target_seconds=seconds)
        return LazyChunks(self._plan.chunked(sizing))

    def progress(self, **options: Any) -> Iterable[Row]:
        """Walk the rows under a progress bar, whose total is the estimate.

        `options` go to tqdm, which the extra `chunkqs[progress]` installs.
        """
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError(
                "progress() draws its bar with tqdm, which is not installed: "
                'pip install "chunkqs[progress]".'
            ) from error
        options = {"total": self.estimate(), "unit": " rows", **options}
        bar: Iterable[Row] = tqdm(self, **options)
        return bar


class LazyChunks(Lazy[Chunk[Row]]):
    """The chunks of a walk: lazy and re-iterable. Holds one chunk at a time.

    `len()` is the number of chunks, by one COUNT, where their size is fixed.
    """

    def _walk(self) -> Walk:
        plan = self._plan
        self._latest = Walk(plan, lambda walk, rows, block: [Chunk.of(plan, walk, rows, block)])
        return self._latest

    def _method(self) -> str:
        return "stream().chunks()" if self._plan.method == "stream" else "chunks()"

    def __len__(self) -> int:
        size = self._plan.sizing.chunk_size
        if size is None:
            raise TypeError(
                "The number of chunks is known beforehand only where their size is fixed: "
                "use chunks(size), or count() for the number of rows."
            )
        return ceil(self.count() / size)


def rows_themselves(walk: Walk, rows: list[Any], block: Block) -> list[Any]:
    """Hand out the rows of a walk one by one."""
    return rows


class Scope:
    """A `with` block, where it was entered, and the iterators that were begun in it."""

    def __init__(self) -> None:
        self.place = current_place()
        self.iterators: WeakSet[AnyIterator] = WeakSet()


def current_place() -> tuple[int, int | None]:
    """Return what tells the running thread and asyncio task from all others."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return get_ident(), None if task is None else id(task)


def interrupt(iterators: WeakSet[AnyIterator]) -> None:
    """End walks whose iterators may still be held."""
    for iterator in list(iterators):
        iterator.interrupt()
