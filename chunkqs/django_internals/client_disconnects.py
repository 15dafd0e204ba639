"""How a walk that a streaming response reads gets to know that the client has left."""

from __future__ import annotations

import asyncio
import sys
from types import CodeType, FrameType
from typing import Any, Protocol
from weakref import ref

from asgiref.sync import SyncToAsync
from django.http import StreamingHttpResponse

#: What runs a function of sync_to_async() in its thread.
THREAD_HANDLER: CodeType = SyncToAsync.thread_handler.__code__


class Closable(Protocol):
    """What can be ended from another thread."""

    def close(self) -> None:
        """End it."""


# Django 5.2, 6.0, 6.1: __aiter__() of StreamingHttpResponse has a thread make a list of
# map(self.make_bytes, sync iterator), by sync_to_async(list). When the client leaves, the task
# that waits for the list is cancelled, and the thread goes on to the last row: nothing that is
# public tells it. asgiref 3.8 to 3.13: the first in `task_context` of the call, where
# async_to_sync() puts the tasks that the thread waits for, is cancelled and awaited then. A
# future does as well.
def close_when_client_leaves(part: Closable) -> bool:
    """Return whether this thread reads a response into a list, because Django sends it async.

    If so, have `part`, which is read for it, closed as soon as the client leaves.
    """
    call = _call_of_thread()
    if call is None or not _makes_list_of_response(*call["args"]):
        return False
    tasks: list[asyncio.Future[Any]] = call["task_context"]
    loop: asyncio.AbstractEventLoop = call["loop"]
    held = ref(part)

    def close(future: asyncio.Future[None]) -> None:
        # The others: asgiref cancels the first one.
        for task in tasks:
            task.cancel()
        if (part := held()) is not None:
            loop.run_in_executor(None, part.close)  # it may ask the database

    leaving: asyncio.Future[None] = asyncio.Future(loop=loop)
    leaving.add_done_callback(close)
    tasks.append(leaving)
    return True


def _call_of_thread() -> dict[str, Any] | None:
    """Return the local names of the call by sync_to_async() that this thread runs, if any."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not THREAD_HANDLER:
        frame = frame.f_back
    return None if frame is None else frame.f_locals


def _makes_list_of_response(function: Any = None, *_: Any) -> bool:
    """Return whether a partial function is list(map(response.make_bytes, iterator))."""
    if getattr(function, "func", None) is not list or type(function.args[0]) is not map:
        return False
    make_bytes = function.args[0].__reduce__()[1][0]
    return isinstance(getattr(make_bytes, "__self__", None), StreamingHttpResponse)


# Django 5.2, 6.0, 6.1: `streaming_content` of an async StreamingHttpResponse is a generator,
# awrapper(), which ends for good when it is cancelled. The response holds what it iterates
# until close(), which waits for the thread that fetches.
def is_read_by_response(frame: FrameType) -> bool:
    """Return whether the coroutine of `frame` is awaited by a response that is sent."""
    awaiting = frame.f_back
    return awaiting is not None and awaiting.f_code in AWAITING


_streaming_content: Any = StreamingHttpResponse.__dict__["streaming_content"]
#: The code of awrapper().
AWAITING = frozenset(
    constant
    for constant in _streaming_content.fget.__code__.co_consts
    if isinstance(constant, CodeType)
)
