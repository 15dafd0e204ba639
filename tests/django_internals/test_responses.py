"""Django's responses, and how they are sent, as each supported version has them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from chunkqs.django_internals.responses import AWAITING, is_read_into_memory
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
    def __init__(self) -> None:
        self.is_closed = False
        self.is_read_into_memory: bool | None = None

    def close(self) -> None:
        self.is_closed = True

    def __iter__(self) -> Any:
        self.is_read_into_memory = is_read_into_memory(self)
        yield "a"


def test_a_response_that_is_read_into_memory_is_told_from_a_list_of_the_views() -> None:
    async def run(part: Any) -> None:
        with pytest.warns(Warning, match="must consume synchronous"):
            assert [each async for each in StreamingHttpResponse(part)] == [b"a"]

    sent, listed, mapped = Part(), Part(), Part()
    asyncio.run(run(sent))
    asyncio.run(sync_to_async(list)(listed))
    asyncio.run(sync_to_async(list)(map(str, mapped)))
    assert list(mapped) == list(listed) == ["a"]
    assert sent.is_read_into_memory
    assert not listed.is_read_into_memory
    assert not mapped.is_read_into_memory
