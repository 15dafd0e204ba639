"""What the caller holds: rows and chunks that are asked for when they are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from math import ceil
from typing import Any, Generic, NoReturn, Self, TypeVar, overload
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import QuerySet

from .arguments import checked_chunk_size, checked_seconds, refuse_both
from .chunk import Chunk
from .databases.estimates import estimate
from .walks.plan import Piece, Walk
from .walks.walk import AsyncHandOut, HandOut, Run

Row = TypeVar("Row")
Handed = TypeVar("Handed")


class Lazy(ABC, Generic[Handed]):
    """A walk that begins anew with every `iter()`, and ends everything it began by `close()`."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._handing_out: WeakKeyDictionary[Any, Run] = WeakKeyDictionary()
        self._latest: Run | None = None
        self._count: int | None = None

    def __iter__(self) -> Iterator[Handed]:
        """Begin a run. Its first query is sent when the first row is asked for."""
        self._latest = run = Run(self._walk)
        rows = HandOut.of(run, self._portion)
        self._handing_out[rows] = run
        return rows

    def __aiter__(self) -> AsyncIterator[Handed]:
        """Begin a run from a coroutine: the same queries, in Django's thread for them."""
        self._latest = run = Run(self._walk)
        rows = AsyncHandOut(run, self._portion)
        self._handing_out[rows] = run
        return rows

    @abstractmethod
    def _portion(self, run: Run, piece: Piece) -> Iterator[Handed]:
        """Return what the caller gets of a chunk, as an iterator that holds it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def close(self) -> None:
        """End every run that was begun here, with its cursor and private connection.

        A run also ends by itself: when its rows run out, on `break`, on an exception and
        when it is dropped. A later `iter()` begins a new one.
        """
        for rows in list(self._handing_out):
            rows.close()

    async def aclose(self) -> None:
        """Do what `close()` does, from a coroutine."""
        await sync_to_async(self.close)()

    @property
    def position(self) -> str | None:
        """The token of the last row that the latest run handed out; None before the first.

        Give it to `after=` to take the walk up behind that row. No query.
        Raises KeysetError on a `stream()`, whose rows have no position.
        """
        self._walk.needed_keyset()
        position = self._latest.position if self._latest else self._walk.after
        return None if position is None else self._walk.token(position)

    def count(self) -> int:
        """Return how many rows there are: one exact COUNT, asked for once and kept."""
        if self._count is None:
            self._count = self._walk.rows().count()
        return self._count

    async def acount(self) -> int:
        """Do what `count()` does, from a coroutine."""
        return await sync_to_async(self.count)()

    def estimate(self) -> int:
        """Return about how many rows there are, by the planner's statistics.

        One EXPLAIN on PostgreSQL, MySQL and MariaDB, in milliseconds at any size; an
        exact COUNT elsewhere.
        """
        rows = self._walk.rows()
        return estimate(rows, connections[rows.db])

    async def aestimate(self) -> int:
        """Do what `estimate()` does, from a coroutine."""
        return await sync_to_async(self.estimate)()

    def __bool__(self) -> bool:
        """Tell whether there is any row: one EXISTS."""
        return self._walk.rows().exists()

    def __repr__(self) -> str:
        """Describe the walk, without a query."""
        label = self._walk.queryset.model._meta.label
        return f"<{type(self).__name__}: {self._method()} of {label}>"

    def _method(self) -> str:
        return f"{self._walk.method}()"

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

    def _portion(self, run: Run, piece: Piece) -> Iterator[Row]:
        return run.hand_out(piece)

    def __len__(self) -> int:
        return self.count()

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> QuerySet[Any, Row]: ...
    def __getitem__(self, key: int | slice) -> Any:
        """Ask for a row, or for a queryset of the rows of a slice, by a query of its own."""
        return self._walk.rows()[key]

    def __reversed__(self) -> Iterator[Row]:
        """Walk the same rows from the other end. TypeError where they have no order."""
        backwards = LazyRows[Row](self._walk.reverse())
        rows = iter(backwards)
        self._handing_out.update(backwards._handing_out)
        return rows

    def chunks(
        self, size: int | None = None, *, target_seconds: float | None = None
    ) -> LazyChunks[Row]:
        """Return the same rows as lists, `Chunk`s, by the same way of reading.

        From `stream()` they come through one cursor, and in a total order, the primary
        key put behind the query's own, so that every chunk is a range of keys.
        """
        refuse_both(size, target_seconds)
        seconds = checked_seconds(target_seconds)
        rows = checked_chunk_size(size, "size")
        if rows is None and seconds is None:
            rows = self._walk.sizing.chunk_size
        sizing = replace(self._walk.sizing, chunk_size=rows, target_seconds=seconds)
        return LazyChunks(self._walk.chunked(sizing))

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

    def _portion(self, run: Run, piece: Piece) -> Iterator[Chunk[Row]]:
        return iter([Chunk.of(self._walk, run.number, piece, run.before)])

    def _method(self) -> str:
        return "stream().chunks()" if self._walk.method == "stream" else "chunks()"

    def __len__(self) -> int:
        size = self._walk.sizing.chunk_size
        if size is None:
            raise TypeError(
                "The number of chunks is known beforehand only where their size is fixed: "
                "use chunks(size), or count() for the number of rows."
            )
        return ceil(self.count() / size)
