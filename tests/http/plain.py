"""Views that stream rows without a class of ours, and a middleware that wraps what they stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.db import transaction
from django.db.models import Value
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from django.utils.decorators import sync_and_async_middleware

from chunkqs import keyset_iter, stream
from tests.support.models import User

PADDING = "x" * 5000
#: Takes PostgreSQL some 2 s for each row. A private connection would not sleep: what pg_sleep()
#: does is the session's.
PAIRS = "generate_series(1, 1000) AS one, generate_series(1, 20000 + {table}.id * 0) AS other"
SLOW = RawSQL(f"(SELECT count(*) FROM {PAIRS.format(table=User._meta.db_table)})::text", [])
WAYS: dict[str, Any] = {
    "stream": stream,
    "private": partial(stream, private=True),
    "keyset": keyset_iter,
}


def rows(request: HttpRequest) -> Any:
    slow = SLOW if "slow" in request.GET else Value("")
    queryset = User.objects.annotate(padding=Value(PADDING), slow=slow)
    return WAYS[request.GET["way"]](queryset.order_by("pk").values_list("pk", "padding", "slow"))


def as_they_are(rows: Any) -> Any:
    return rows


def generated(rows: Any) -> Iterator[str]:
    for row in rows:
        yield f"{row}\n"


async def generated_async(rows: Any) -> AsyncIterator[str]:
    async for row in rows:
        yield f"{row}\n"


#: What is handed to the response.
CONTENTS: dict[str, Callable[[Any], Any]] = {
    "rows": as_they_are,
    "aiter": aiter,
    "generator": generated,
    "async_generator": generated_async,
}


def view(request: HttpRequest, content: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(CONTENTS[content](rows(request)))


@transaction.non_atomic_requests
async def async_view(request: HttpRequest, content: str) -> StreamingHttpResponse:
    return view(request, content)


def wrapped(content: Any) -> Iterator[bytes]:
    for part in content:
        yield part.upper()


async def wrapped_async(content: Any) -> AsyncIterator[bytes]:
    async for part in content:
        yield part.upper()


def wrap(request: HttpRequest, response: Any) -> Any:
    """Do what Django's documentation says of a middleware that changes what is streamed."""
    if "wrap" in request.GET:
        wrapper = wrapped_async if response.is_async else wrapped
        response.streaming_content = wrapper(response.streaming_content)
    return response


@sync_and_async_middleware
def wrapping(get_response: Any) -> Any:
    """Wrap the content of responses whose request says so."""
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> Any:
            return wrap(request, await get_response(request))

        return async_middleware
    return lambda request: wrap(request, get_response(request))


urlpatterns = [
    path("plain/<content>", view),
    path("async_plain/<content>", async_view),
]
