"""A progress bar over a walk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .lazy import Lazy

Item = TypeVar("Item")


class Progress(Generic[Item]):
    """A walk under a bar that counts rows; its total is estimated until the end."""

    def __init__(
        self, lazy: Lazy[Item], rows_of: Callable[[Item], int], options: dict[str, Any]
    ) -> None:
        self._lazy = lazy
        self._rows_of = rows_of
        self._options = options
        self._tqdm = _tqdm()

    def __iter__(self) -> Iterator[Item]:
        bar = self._bar(None if "total" in self._options else self._lazy.estimate())
        try:
            for item in self._lazy:
                yield item
                bar.update(self._rows_of(item))
            self._complete(bar)
        finally:
            bar.close()

    async def __aiter__(self) -> AsyncIterator[Item]:
        bar = self._bar(None if "total" in self._options else await self._lazy.aestimate())
        try:
            async for item in self._lazy:
                yield item
                bar.update(self._rows_of(item))
            self._complete(bar)
        finally:
            bar.close()

    def _bar(self, total: int | None) -> Any:
        return self._tqdm(**{"total": total, "unit": " rows", **self._options})

    def _complete(self, bar: Any) -> None:
        """Replace the estimated total by the exact one."""
        bar.total = bar.n
        bar.refresh()


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "progress() draws its bar with tqdm, which is not installed: "
            'pip install "chunkqs[progress]".'
        ) from error
    return tqdm
