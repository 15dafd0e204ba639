"""What a loop holds: the iterators over a walk, for `for` and for `async for`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any, Generic, Self, TypeVar, cast

from asgiref.sync import sync_to_async

from ..callers_line import callers_line, waiting, warn
from ..django_internals.client_disconnects import close_when_client_leaves, is_read_by_response
from ..errors import LargeResultWarning
from .block_builder import Built
from .walk import Walk

INTO_MEMORY = (
    "Django reads all rows of this walk of {} into memory before it sends the first of them, as "
    "StreamingHttpResponse was given a sync iterator under ASGI. Give it an async one: "
    "aiter(rows), an async generator that loops by `async for`, or an export by "
    "chunkqs.http.ExportResponse."
)

Item = TypeVar("Item")


def rows_themselves(walk: Walk, built: Built) -> list[Any]:
    """Hand out the rows of a walk one by one."""
    return built.rows


class WalkIterator(chain[Item]):
    """Hands out the rows of a walk, one after the other, without a step of Python's for each.

    It ends the walk when it is dropped.
    """

    _walk: Walk

    @classmethod
    def of(cls, walk: Walk) -> Self:
        """Return the iterator over `walk`."""
        iterator = cast(Self, cls.from_iterable(Advances(walk)))
        iterator._walk = walk
        return iterator

    def close(self) -> None:
        """End the walk; no row comes after."""
        self._walk.leave()

    def interrupt(self) -> None:
        """End the walk from elsewhere: the next row that is asked for raises."""
        self._walk.close()

    def __del__(self) -> None:
        self._walk.leave()


class Advances(Iterator[Iterator[Item]]):
    """The parts of a walk, as `chain` takes them.

    `chain` forgets where it was when this raises, and then looks as if its rows had run out, to
    other threads as well. So an error comes as an iterator that raises it, and is not the last.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._has_begun = False
        self._is_for_list = False

    def __next__(self) -> Iterator[Item]:
        try:
            self._look_at_reader()
            items = self._walk.advance()
        except BaseException as error:
            return raising(error)
        if items is None:
            raise StopIteration
        return items

    def _look_at_reader(self) -> None:
        """Warn before the second chunk where Django reads a response into memory.

        When the client leaves before that has come to its end, the walk is closed.
        """
        if not self._has_begun:
            self._has_begun = True
            self._is_for_list = close_when_client_leaves(self._walk)
        elif self._is_for_list:
            self._is_for_list = False
            warn(INTO_MEMORY.format(self._walk.label), LargeResultWarning)


def raising(error: BaseException) -> Iterator[Item]:
    """Raise `error` when the first item is asked for."""
    held = [error]
    del error  # whose traceback holds this frame
    if held:
        raise held.pop()
    yield from ()


class AsyncWalkIterator(AsyncIterator[Item], Generic[Item]):
    """Hands out the rows of a walk in a coroutine; its queries run in Django's thread for them.

    Not an async generator: the event loop closes those, some time after they were left, or
    never when the loop ends first. This ends the walk when it is dropped, as a generator does.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._items: Iterator[Item] = iter(())
        self._advancing: asyncio.Future[Iterator[Item] | None] | None = None
        self._is_awaited = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        # Not every chunk has a row: an iterable class of the caller's may leave some out.
        while True:
            for item in self._items:
                return item
            try:
                items = await self._advance()
            except asyncio.CancelledError as error:
                if is_read_by_response(sys._getframe()):
                    self.close()  # the client has left
                # A task group may keep the error, which would keep this iterator by its frames.
                del self
                error.__traceback__ = None
                raise
            if items is None:
                raise StopAsyncIteration
            self._items = items

    async def _advance(self) -> Iterator[Item] | None:
        """Wait for the next rows. Two tasks that both did would lose one of theirs.

        A wait that is cancelled, by a timeout perhaps, loses no row: the fetch goes on, and who
        asks next waits for the same one.
        """
        if self._is_awaited:
            raise RuntimeError(
                "Another task is waiting for the next row of this iterator. "
                "Let one task iterate and hand its rows to the others, by a queue."
            )
        self._is_awaited = True
        try:
            if self._advancing is None:
                with waiting(callers_line()):
                    self._advancing = asyncio.ensure_future(sync_to_async(self._walk.advance)())
                self._advancing.add_done_callback(_retrieve)
            items = await asyncio.shield(self._advancing)
        finally:
            self._is_awaited = False
            if self._advancing is not None and self._advancing.done():
                self._advancing = None
        return items

    def close(self) -> None:
        """End the walk; no row comes after."""
        self._items = iter(())
        self._walk.leave()

    async def aclose(self) -> None:
        """Do what `close()` does, from a coroutine."""
        self._items = iter(())
        await sync_to_async(self._walk.leave)()

    def interrupt(self) -> None:
        """End the walk from elsewhere: the next row that is asked for raises."""
        self._walk.close()

    def __del__(self) -> None:
        self._walk.leave()


def _retrieve(advancing: asyncio.Future[Iterator[Item] | None]) -> None:
    """Look at the error of a fetch that nobody may wait for any more, lest asyncio logs it."""
    if not advancing.cancelled():
        advancing.exception()
