"""Measures one walk in the process that it runs in."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .memory import PeakMemory
from .ways import Way

#: Rows between two looks at the clock.
LOOK_ROWS = 2_000


@dataclass(frozen=True)
class Result:
    """One walk: seconds to the first row and to the last, and bytes held at the most."""

    rows: int
    first_row: float
    seconds: float
    memory: int

    @property
    def speed(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def measure(
    way: Way,
    queryset: Any,
    *,
    seconds: float = float("inf"),
    report: Callable[[int], Any] = lambda rows: None,
) -> Result:
    """Walk, but no longer than ``seconds``, and ``report`` the number of rows on the way."""
    gc.collect()
    memory = PeakMemory()
    begin = time.perf_counter()
    with way.around():
        rows = iter(way(queryset))
        count = sum(1 for _ in islice(rows, 1))
        first_row = time.perf_counter() - begin
        while more := sum(1 for _ in islice(rows, LOOK_ROWS)):
            count += more
            report(count)
            if time.perf_counter() - begin > seconds:
                break
        taken = time.perf_counter() - begin
    return Result(count, first_row, taken, memory.growth())
