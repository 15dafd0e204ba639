"""Exports as downloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from .django_internals.responses import method_of
from .export import Export
from .walks.iterators import WalkIterator


class ExportResponse(StreamingHttpResponse):
    """Send an export as it is read: `ExportResponse(rows.csv(), filename="events.csv")`.

    Works under WSGI and ASGI, from sync and async views, without reading the export into
    memory. The query runs with the first part that is sent, after ATOMIC_REQUESTS has ended
    the view's transaction, and never for HEAD. When the client disconnects, the query ends and
    its connection is freed. `filename` may have any characters; without one the browser chooses.
    `as_attachment=False` lets the browser show it. Other arguments go to StreamingHttpResponse.
    """

    def __init__(
        self,
        export: Export,
        *,
        filename: str = "",
        as_attachment: bool = True,
        content_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(export, Export):
            raise TypeError(
                f"ExportResponse() takes an export such as rows.csv(), not {type(export).__name__}."
            )
        self._parts = cast(WalkIterator[bytes], iter(export))
        super().__init__(self._parts, content_type=content_type or export.content_type, **kwargs)
        disposition = content_disposition_header(as_attachment, str(filename))
        if disposition and "Content-Disposition" not in self.headers:
            self.headers["Content-Disposition"] = disposition

    def __iter__(self) -> Iterator[bytes]:
        """Yield the parts, for a WSGI server; none for HEAD."""
        return iter(()) if method_of(self) == "HEAD" else super().__iter__()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the parts, for an ASGI server; none for HEAD. Each is read in Django's thread."""
        if method_of(self) == "HEAD":
            return
        if self.is_async:  # by a middleware
            async for part in super().__aiter__():
                yield part
            return
        parts = iter(cast(Iterable[bytes], self.streaming_content))
        try:
            while True:
                following = await sync_to_async(next_part)(parts)
                if following is None:
                    break
                yield following
        finally:
            # Django's thread may still be waiting for the database.
            leave = sync_to_async(self._parts.close, thread_sensitive=False)
            await asyncio.shield(asyncio.ensure_future(leave()))


def next_part(parts: Iterator[bytes]) -> bytes | None:
    """Return the next part; None at the end, as a coroutine cannot raise StopIteration."""
    return next(parts, None)
