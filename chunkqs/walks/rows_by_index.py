"""Rows by index, for whoever goes over the indexes one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from threading import RLock
from typing import Any

from .open_walks import current_place

#: The index from which on a walk serves: the first rows alone are often all that is wanted.
FIRST_SERVED = 2


class AscendingIndexes:
    """Rows by index: by a query of its own each, but from one walk where they go up by one.

    The walk is held open between two indexes, until another one is asked for.
    """

    def __init__(self, row_at: Callable[[int], Any], begin: Callable[[], Iterator[Any]]) -> None:
        self._row_at = row_at
        self._begin = begin
        self._lock = RLock()
        self._next: tuple[Any, int] | None = None
        self._iterator: Iterator[Any] | None = None

    def __getitem__(self, index: int) -> Any:
        """Return the row at `index`; IndexError where there is none."""
        with self._lock:
            here = (current_place(), index)
            follows, self._next = here == self._next, (current_place(), index + 1)
            if not follows or index < FIRST_SERVED:
                self._iterator = None
                return self._row_at(index)
            if self._iterator is None:
                self._iterator = islice(self._begin(), index, None)
            for row in self._iterator:
                return row
            self.close()
            raise IndexError(f"There is no row {index}.")

    def close(self) -> None:
        """Let go of the walk."""
        self._iterator, self._next = None, None
