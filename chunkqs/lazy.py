"""What the caller holds: rows and chunks that are fetched when they are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import cached_property
from math import ceil
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.sql import Query

from .arguments import checked_chunk_size, checked_seconds, one_size, refuse_both
from .chunk import Chunk
from .databases.estimates import estimate
from .django_internals.queries import STATE_THAT_FORMS_READ
from .export_methods import Exportable
from .progress import Progress
from .walks.iterators import AsyncWalkIterator, WalkIterator, rows_themselves
from .walks.open_walks import BegunWalks, interrupt
from .walks.plan import Plan
from .walks.rows_by_index import AscendingIndexes
from .walks.walk import Walk

Row = TypeVar("Row")
Item = TypeVar("Item")


class Lazy(ABC, Generic[Item]):
    """A plan that is walked again by each `iter()`, and what was begun of it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun = BegunWalks()
        self._latest: Walk | None = None

    def __iter__(self) -> Iterator[Item]:
        """Begin a walk. Its first query runs when the first row is requested."""
        self._latest = walk = self._walk()
        iterator: WalkIterator[Item] = WalkIterator.of(walk)
        self._begun.note(iterator)
        return iterator

    def __aiter__(self) -> AsyncIterator[Item]:
        """Begin a walk from a coroutine: the same queries, run in Django's thread for sync code."""
        self._latest = walk = self._walk()
        iterator: AsyncWalkIterator[Item] = AsyncWalkIterator(walk)
        self._begun.note(iterator)
        return iterator

    @abstractmethod
    def _walk(self) -> Walk:
        """Return a new walk."""

    def __enter__(self) -> Self:
        """Open a scope: its end ends the walks that were begun in it, in this thread or task."""
        self._begun.open_scope()
        return self

    def __exit__(self, *exc_info: object) -> None:
        interrupt(self._begun.take_scope())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        await sync_to_async(interrupt)(self._begun.take_scope())

    def close(self) -> None:
        """End every walk that was begun here, with its cursor and private connection.

        An iterator whose rows have not run out raises StreamInterrupted at the next row. A walk
        also ends by itself: when its rows run out, on `break`, on an exception and when its
        iterator is dropped. A later `iter()` begins a new one.
        """
        self._begun.interrupt_all()

    async def aclose(self) -> None:
        """Do what `close()` does, from a coroutine."""
        await sync_to_async(self.close)()

    @property
    def position(self) -> str | None:
        """The token of the last row that the latest walk handed out; None before the first.

        Pass it as `after=` to resume the walk after that row. No query.
        Raises KeysetError on a `stream()`, whose rows have no position.
        """
        self._plan.needed_keyset()
        position = self._latest.position if self._latest else self._plan.after
        return None if position is None else self._plan.token(position)

    def count(self) -> int:
        """Return the number of rows: one exact COUNT.

        It is cached while the latest walk runs, and never longer.
        """
        walk = self._latest
        if walk is None or not walk.is_going:
            return self._plan.proven_rows().count()
        if walk.count is None:
            walk.count = self._plan.proven_rows().count()
        return walk.count

    async def acount(self) -> int:
        """Do what `count()` does, from a coroutine."""
        return await sync_to_async(self.count)()

    def estimate(self) -> int:
        """Return the approximate number of rows, from the planner's statistics.

        One EXPLAIN on PostgreSQL, MySQL and MariaDB, in milliseconds at any size; an
        exact COUNT elsewhere.
        """
        rows = self._plan.rows()
        return estimate(rows, connections[rows.db])

    async def aestimate(self) -> int:
        """Do what `estimate()` does, from a coroutine."""
        return await sync_to_async(self.estimate)()

    def exists(self) -> bool:
        """Return whether there are any rows: one EXISTS."""
        return self._plan.proven_rows().exists()

    def __bool__(self) -> bool:
        return self.exists()

    @property
    def model(self) -> type[Model]:
        """The model of the rows."""
        return self._plan.queryset.model

    @property
    def db(self) -> str:
        """The alias of the database that a walk would read now."""
        return self._plan.queryset.db

    @property
    def ordered(self) -> bool:
        """Whether the rows have an order: by keyset always."""
        return self._plan.keyset is not None or self._plan.queryset.ordered

    @property
    def query(self) -> Query:
        """The query of the same rows, for inspection or pickling."""
        return self._plan.rows().query

    def all(self) -> Self:
        """Return the same rows as a new object, on which no walk has begun."""
        return type(self)(self._plan)

    def __copy__(self) -> Self:
        return self.all()

    def __getattr__(self, name: str) -> Any:
        """Raise AttributeError; for a queryset's method, say where to call it instead."""
        if name in STATE_THAT_FORMS_READ:
            return getattr(self._plan.queryset, name)
        if hasattr(QuerySet, name) and not name.startswith("_"):
            raise AttributeError(
                f"{type(self).__name__} has no {name}(): its query is fixed. Call {name}() on "
                f"the queryset, before {self._method()}.",
                name=name,
                obj=self,
            )
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __repr__(self) -> str:
        """Describe the walk, without a query."""
        return f"<{type(self).__name__}: {self._method()} of {self.model._meta.label}>"

    def _method(self) -> str:
        return f"{self._plan.method}()"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: that would run the query, and hold all its rows."""
        raise TypeError(
            f"A {type(self).__name__} cannot be pickled: it reads from a connection of this "
            "process. Pickle the queryset's `query`, or pass on a position of keyset_iter()."
        )


class LazyRows(Exportable, Lazy[Row]):
    """The rows of a walk: sized, re-iterable and lazy, in place of a queryset in a loop.

    Holds one chunk of rows at a time. `len()` and `count()` run an exact COUNT, `bool()` an
    EXISTS, an index or slice its own query; indexes that increase by one are served from a
    walk. `list()` calls `len()` first: write `list(iter(rows))` to avoid that.
    """

    def _walk(self) -> Walk:
        return Walk(self._plan, rows_themselves)

    def __len__(self) -> int:
        return self.count()

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> QuerySet[Any, Row]: ...
    def __getitem__(self, key: int | slice) -> Any:
        """Return a row, or the queryset of the rows of a slice."""
        if isinstance(key, int):
            return self._indexes[key]
        return self._plan.proven_rows()[key]

    @cached_property
    def _indexes(self) -> AscendingIndexes:
        plan, begun = self._plan, self._begun

        def begin() -> Iterator[Row]:
            iterator: WalkIterator[Row] = WalkIterator.of(Walk(plan, rows_themselves))
            begun.note(iterator)
            return iterator

        return AscendingIndexes(lambda index: plan.proven_rows()[index], begin)

    def close(self) -> None:
        super().close()
        self._indexes.close()

    def iterator(self, chunk_size: int | None = None) -> Iterator[Row]:
        """Begin a walk, as `iter()` does: for code that was written for a queryset."""
        return iter(self)

    def __reversed__(self) -> Iterator[Row]:
        """Walk the same rows in reverse order. Raise TypeError where they have none."""
        backwards = Walk(self._plan.reverse(), rows_themselves)
        iterator: WalkIterator[Row] = WalkIterator.of(backwards)
        self._begun.note(iterator)
        return iterator

    def chunks(
        self,
        size: int | None = None,
        *,
        chunk_size: int | None = None,
        target_seconds: float | None = None,
    ) -> LazyChunks[Row]:
        """Return the same rows as lists, `Chunk`s, read in the same way.

        From `stream()` they come through one cursor, and in a total order: the primary
        key is added to the query's own, so that every chunk is a range of keys.
        `chunk_size` is another name for `size`.
        """
        size = one_size(size, chunk_size)
        refuse_both(size, target_seconds)
        seconds = checked_seconds(target_seconds)
        rows = checked_chunk_size(size, "size")
        if rows is None and seconds is None:
            rows = self._plan.sizing.chunk_size
        sizing = replace(self._plan.sizing, chunk_size=rows, target_seconds=seconds)
        return LazyChunks(self._plan.chunked(sizing))

    def progress(self, **options: Any) -> Progress[Row]:
        """Walk the rows, with `for` or `async for`, under a progress bar.

        Its total is the estimate, and at the end the exact number. `options` go to tqdm, which
        the extra `chunkqs[progress]` installs.
        """
        return Progress(self, lambda row: 1, options)


class LazyChunks(Lazy[Chunk[Row]]):
    """The chunks of a walk: lazy and re-iterable. Holds one chunk at a time.

    `len()` is the number of chunks, by one COUNT, where their size is fixed.
    """

    def _walk(self) -> Walk:
        plan = self._plan
        return Walk(plan, lambda walk, built: [Chunk.of(plan, walk, built)])

    def _method(self) -> str:
        return "stream().chunks()" if self._plan.method == "stream" else "chunks()"

    def __len__(self) -> int:
        size = self._plan.sizing.chunk_size
        if size is None:
            raise TypeError(
                "len() of chunks() needs a fixed size: use chunks(size), or count() for the "
                "number of rows."
            )
        return ceil(self.count() / size)

    def progress(self, **options: Any) -> Progress[Chunk[Row]]:
        """Walk the chunks under a progress bar that counts rows; see `LazyRows.progress()`."""
        return Progress(self, len, options)
