"""The ways to walk the events that ``demo`` compares, and how it measures one."""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from django.core.paginator import Paginator

from chunkqs import ChunkedQuerySet

from .models import Event

Events = ChunkedQuerySet[Event]
PAGE = 2_000  # rows, as many as .iterator() fetches at a time
REPORT_ROWS = 2_000
REPORT_SECONDS = 0.1


def _pages(events: Events) -> Iterator[Event]:
    for page in Paginator(events, PAGE):
        yield from page.object_list


WALKS: dict[str, Callable[[Events], Iterable[Event]]] = {
    ".all()": lambda events: events.all(),
    ".iterator()": lambda events: events.iterator(),
    "Paginator": _pages,
    "stream()": lambda events: events.stream(),
    "keyset_iter()": lambda events: events.keyset_iter(),
    "chunks()": lambda events: chain.from_iterable(events.chunks(PAGE)),
}


@dataclass(frozen=True)
class Result:
    """One walk: seconds to the first row and to the last, and bytes held at the most."""

    rows: int
    first_row: float
    seconds: float
    memory: int

    @property
    def speed(self) -> float:
        return self.rows / self.seconds


def walk(
    name: str, events: Events, *, seconds: float, report: Callable[[int], Any] = lambda rows: None
) -> Result:
    """Walk the events, but no longer than ``seconds``, and ``report`` how many rows it has been."""
    gc.collect()
    memory = PeakMemory()
    begin = reported = time.perf_counter()
    rows = iter(WALKS[name](events))
    count = sum(1 for _ in islice(rows, 1))
    first_row = time.perf_counter() - begin
    while more := sum(1 for _ in islice(rows, REPORT_ROWS)):
        count += more
        now = time.perf_counter()
        if now - reported > REPORT_SECONDS:
            report(count)
            reported = now
        if now - begin > seconds:
            break
    return Result(count, first_row, time.perf_counter() - begin, memory.growth())


class PeakMemory:
    """The most memory that this process holds at one time, above what it holds now."""

    def __init__(self) -> None:
        with suppress(OSError):  # Linux alone has this: the peak starts anew from here
            Path("/proc/self/clear_refs").write_text("5")
        self.start = self._peak()

    def growth(self) -> int:
        return self._peak() - self.start

    @staticmethod
    def _peak() -> int:
        status = Path("/proc/self/status")
        if status.exists():
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
