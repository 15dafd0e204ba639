"""Responses, as far as Django's documentation leaves them out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from types import CodeType, FrameType
from typing import Any, Protocol, cast
from weakref import WeakSet

from asgiref.sync import SyncToAsync
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

THREAD_HANDLER: CodeType = SyncToAsync.thread_handler.__code__


# Django 5.2, 6.0, 6.1: get_response() and get_response_async() of the handler append the
# request's close() to what the response closes.
def method_of(response: HttpResponseBase) -> str | None:
    """Return the method of the request that `response` answers; None before it is known."""
    closers: list[Any] = response._resource_closers  # type: ignore[attr-defined]
    for closer in closers:
        request = getattr(closer, "__self__", None)
        if isinstance(request, HttpRequest):
            return request.method
    return None


class Closable(Protocol):
    """What can be ended from another thread."""

    def close(self) -> None:
        """End it."""


class CancelledWith:
    """Stands for a task that is cancelled and awaited together with the one that waits."""

    def __init__(self) -> None:
        self.parts: WeakSet[Closable] = WeakSet()

    def cancel(self) -> None:
        """Do nothing: who cancels a task waits for it to end."""

    def __await__(self) -> Generator[Any, None, None]:
        """Close the parts in threads, as that may ask the database, and wait for none.

        The thread raises then, which nobody would look at if that were awaited.
        """
        loop = asyncio.get_running_loop()
        for part in list(self.parts):
            loop.run_in_executor(None, part.close)
        raise asyncio.CancelledError
        yield


# Django 5.2, 6.0, 6.1: __aiter__() of StreamingHttpResponse has a thread make a list of
# map(self.make_bytes, sync iterator), by sync_to_async(list). When the client leaves, the task
# that waits for the list is cancelled, and the thread goes on to the end. asgiref 3.8 to 3.13:
# thread_handler() calls partial(list, the map); what stands first in the thread's `task_context`
# is cancelled and awaited when the one that waits is, for the sake of async_to_sync().
def is_read_into_memory(part: Closable) -> bool:
    """Return whether this thread reads a response into a list, because Django sends it async.

    `part`, something that is read for it, is then closed when the client leaves.
    """
    beside: list[Any] | None = getattr(SyncToAsync.threadlocal, "task_context", None)
    if beside is None or not _makes_list_of_response():
        return False
    if not beside or not isinstance(beside[0], CancelledWith):
        beside.insert(0, CancelledWith())
    beside[0].parts.add(part)
    return True


def _makes_list_of_response() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not THREAD_HANDLER:
        frame = frame.f_back
    call = frame.f_locals["args"][0] if frame and frame.f_locals.get("args") else None
    if getattr(call, "func", None) is not list or not isinstance(call.args[0], map):
        return False
    _, (function, *_) = call.args[0].__reduce__()
    return isinstance(getattr(function, "__self__", None), StreamingHttpResponse)


# Django 5.2, 6.0, 6.1: `streaming_content` of an async StreamingHttpResponse is a generator,
# awrapper(), which ends for good when it is cancelled. The response holds what it iterates
# until close(), which waits for the thread that fetches.
def is_read_by_response(frame: FrameType) -> bool:
    """Return whether the coroutine of `frame` is awaited by a response that is sent."""
    awaiting = frame.f_back
    return awaiting is not None and awaiting.f_code in AWAITING


_content = cast(property, StreamingHttpResponse.__dict__["streaming_content"]).fget
#: The code of awrapper().
AWAITING = frozenset(
    code
    for code in _content.__code__.co_consts
    if isinstance(code, CodeType)  # type: ignore[union-attr]
)
