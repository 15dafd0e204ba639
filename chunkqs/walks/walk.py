"""One run of a walk: the chunks as they come, and how far the caller has got in them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from itertools import chain
from typing import Any, Generic, Self, TypeVar, cast

from asgiref.sync import sync_to_async

from ..keyset.keyset import Position
from .plan import Piece, Walk

Handed = TypeVar("Handed")
Portion = Callable[["Run", Piece], Iterator[Handed]]


class Run:
    """A walk that has been begun, with the place that it has reached."""

    def __init__(self, walk: Walk) -> None:
        self._pieces = walk.pieces()
        self._piece: Piece | None = None
        self._rows: Any = iter(())
        self._closed: bool = False
        self.before = walk.after
        """The position of the last row of the chunk before the one at hand."""
        self.number = -1
        """The number of the chunk at hand, from 0."""

    def advance(self) -> Piece | None:
        """Return the next chunk; None at the end, when all that was opened is closed."""
        self._leave()
        if self._closed:
            return None
        self._piece = next(self._pieces, None)
        self.number += 1
        self._close_if_asked()
        return self._piece

    def _close_if_asked(self) -> None:
        """Another thread that closed this run could not stop it while it was fetching."""
        if self._closed:
            self.close()

    def hand_out(self, piece: Piece) -> Iterator[Any]:
        """Return an iterator over the rows of `piece` that `position` can look at."""
        rows = self._rows = iter(piece.rows)
        return rows

    @property
    def position(self) -> Position | None:
        """The position of the last row that was handed out."""
        piece = self._piece
        if piece is None or piece.position is None:
            return self.before
        # What is left in the list's iterator says where it is, at no cost per row.
        left = self._rows.__length_hint__()
        if len(piece.rows) != len(piece.block):  # an iterable class that leaves rows out
            given = 0 if left else len(piece.block)
        else:
            given = len(piece.block) - left
        return piece.position(piece.block[given - 1]) if given else self.before

    def _leave(self) -> None:
        """Let go of the chunk at hand: it is not held while the next one is on its way."""
        self.before = self.position
        self._piece = None
        rows, self._rows = self._rows, iter(())
        for _ in rows:  # what is left of them when the run is closed is not handed out
            pass

    def close(self) -> None:
        """End the walk, and with it its cursor and private connection."""
        self._closed = True
        self._leave()
        if inspect.getgeneratorstate(self._pieces) != inspect.GEN_RUNNING:
            self._pieces.close()


class HandOut(chain[Handed]):
    """Hands out a run, one row after the other, without a step of Python's for each.

    It ends when it is dropped: the generator of its portions is, and closes the run.
    """

    _run: Run
    _portions: Generator[Iterator[Handed], None, None]

    @classmethod
    def of(cls, run: Run, portion: Portion[Handed]) -> Self:
        """Begin to hand out."""
        portions = _portions(run, portion)
        rows = cast(Self, cls.from_iterable(portions))
        rows._run, rows._portions = run, portions
        return rows

    def close(self) -> None:
        """End the run; no row comes after."""
        if inspect.getgeneratorstate(self._portions) != inspect.GEN_RUNNING:
            self._portions.close()
        self._run.close()  # which another thread that runs it will notice


def _portions(run: Run, portion: Portion[Handed]) -> Generator[Iterator[Handed], None, None]:
    try:
        while (piece := run.advance()) is not None:
            handed = portion(run, piece)
            # Nothing here may hold a chunk while the next one is on its way.
            del piece
            yield handed
            del handed
    finally:
        run.close()


class AsyncHandOut(AsyncIterator[Handed], Generic[Handed]):
    """Hands out a run in a coroutine; its queries run in Django's thread for them.

    Not an async generator: those are closed by the event loop, some time after they were
    left, or never when the loop ends first. This ends when it is dropped, as a generator does.
    """

    def __init__(self, run: Run, portion: Portion[Handed]) -> None:
        self._run = run
        self._portion = portion
        self._handed: Iterator[Handed] = iter(())
        self._is_waiting = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Handed:
        # Not every chunk has a row: an iterable class of the caller's may leave some out.
        while True:
            for handed in self._handed:
                return handed
            piece = await self._advance()
            if piece is None:
                raise StopAsyncIteration
            self._handed = self._portion(self._run, piece)

    async def _advance(self) -> Piece | None:
        """Wait for the next chunk. Two tasks that both did would lose one of theirs."""
        if self._is_waiting:
            raise RuntimeError(
                "Another task is waiting for the next row of this iterator. "
                "Let one task iterate and hand its rows to the others, by a queue."
            )
        self._is_waiting = True
        try:
            return await sync_to_async(self._run.advance)()
        finally:
            self._is_waiting = False

    def close(self) -> None:
        """End the run; no row comes after."""
        self._handed = iter(())
        self._run.close()

    def __del__(self) -> None:
        """A loop that is left drops its iterator, whatever else holds the rows."""
        self._run.close()
