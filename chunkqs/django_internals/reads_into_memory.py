"""A queryset that notices when it is read into memory as a whole.

Read and tested against Django 5.2, 6.0 and 6.1: `for`, list(), len(), bool(), templates and
`async for` (in a thread) all come to `_fetch_all()`, which fills `_result_cache` once. The
rows of `.iterator()` and of chunkqs do not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from ..callers_line import Line, callers_line, waiting
from ..settings import chunkqs_settings


class NoticesWholeResults:
    """Calls `whole_result_read()` with the number of rows, where there are WARN_ROWS or more."""

    _result_cache: list[Any] | None

    def whole_result_read(self, rows: int) -> None:
        """Note that so many rows were read into memory."""

    def _fetch_all(self) -> None:
        most = chunkqs_settings().warn_rows if self._result_cache is None else None
        super()._fetch_all()  # type: ignore[misc]
        if most is not None and len(self._result_cache or ()) >= most:
            self.whole_result_read(len(self._result_cache or ()))

    def __aiter__(self) -> AsyncIterator[Any]:
        """Let the thread that reads the rows know the line of the loop."""
        rows: AsyncIterator[Any] = super().__aiter__()  # type: ignore[misc]
        if chunkqs_settings().warn_rows is None:
            return rows
        return _on_behalf_of(callers_line(), rows)


# Django 5.2, 6.0, 6.1: from_queryset(), and so as_manager(), set _queryset_class.
def gives_querysets_of(manager: Any, kind: type) -> bool:
    """Return whether the class of the querysets that `manager` makes is derived from `kind`."""
    return issubclass(getattr(manager, "_queryset_class", object), kind)


async def _on_behalf_of(line: Line | None, rows: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield `rows`, which are all read when the first one is asked for."""
    with waiting(line):
        try:
            first = await anext(rows)
        except StopAsyncIteration:
            return
    yield first
    async for row in rows:
        yield row
