"""Django's responses, and how they are sent, as each supported version has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from threading import Event
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.http import StreamingHttpResponse

from chunkqs.django_internals.client_disconnects import AWAITING, close_when_client_leaves
from tests.support.digests import digest, watched

RESPONSE: Any = StreamingHttpResponse
PARTS = {
    "StreamingHttpResponse.__aiter__": watched(RESPONSE.__aiter__, "3aafac94"),
    "StreamingHttpResponse.streaming_content": watched(RESPONSE.streaming_content.fget, "b9ed82d1"),
}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    assert (name, digest(PARTS[name].part)) == (name, PARTS[name].expected)


def test_the_generator_of_a_response_is_known() -> None:
    assert [code.co_name for code in AWAITING] == ["awrapper"]


class Part:
    """What a response sends: a value, slowly where the part is closed meanwhile."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.is_read_into_memory: bool | None = None
        self.begun, self.closed, self.ended = Event(), Event(), Event()

    def close(self) -> None:
        self.closed.set()

    def __iter__(self) -> Iterator[str]:
        self.is_read_into_memory = close_when_client_leaves(self)
        self.begun.set()
        self.closed.wait(self.seconds)
        self.ended.set()
        yield "a"


def is_told_from_a_response(read: Callable[[Part], Coroutine[Any, Any, Any]]) -> bool:
    part = Part()
    asyncio.run(read(part))
    return part.ended.is_set() and not part.is_read_into_memory


async def sent(part: Part) -> list[bytes]:
    with pytest.warns(Warning, match="must consume synchronous"):
        return [each async for each in StreamingHttpResponse(part)]


def test_a_response_that_is_read_into_memory_is_told_from_a_list_of_the_views() -> None:
    part = Part()
    assert asyncio.run(sent(part)) == [b"a"]
    assert part.is_read_into_memory
    assert not part.closed.is_set()
    make_list: Any = list  # a class, to mypy
    assert is_told_from_a_response(lambda part: sync_to_async(make_list)(part))
    assert is_told_from_a_response(lambda part: sync_to_async(make_list)(map(str, part)))
    assert not close_when_client_leaves(Part())


async def leave(task: asyncio.Task[Any], part: Part) -> None:
    await asyncio.to_thread(part.begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_part_is_closed_when_the_task_that_waits_for_its_response_is_cancelled() -> None:
    async def run(part: Part) -> None:
        await leave(asyncio.create_task(sent(part)), part)
        assert await asyncio.to_thread(part.closed.wait, 5)

    asyncio.run(run(Part(seconds=10)))


def test_every_part_is_closed_and_what_the_thread_waits_for_is_cancelled() -> None:
    """What a generator awaits by async_to_sync() is cancelled, as it is without us."""
    first, second = Part(), Part()
    is_cancelled = Event()

    async def wait() -> None:
        second.begun.set()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            is_cancelled.set()
            raise

    def generate() -> Iterator[str]:
        yield from first
        assert close_when_client_leaves(second)
        async_to_sync(wait)()

    async def run() -> None:
        response: Any = generate()
        await leave(asyncio.create_task(sent(response)), second)
        for happened in (first.closed, second.closed, is_cancelled):
            assert await asyncio.to_thread(happened.wait, 5)

    asyncio.run(run())
