"""Measures one walk with work for each row, in a process of its own, alone or with workers.

``python -m benchmarks.shared_work WORKERS MICROSECONDS`` prints a line of JSON. No workers: the
process walks and works by itself.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

import django

#: Turns that are timed, to know how many of them take a microsecond.
SAMPLE = 2_000_000


def work(chunk: Any, loops: int) -> int:
    """Do Python work for each row: turns, and not time, which other processes take from it."""
    for _ in chunk:
        for _ in repeat(None, loops):
            pass
    return len(chunk)


def turns_in(microseconds: float) -> int:
    """Return how many turns take so long here, by the fastest of some samples."""
    fastest = min(_seconds_of(SAMPLE) for _ in range(5))
    return round(microseconds * SAMPLE / fastest / 1e6)


def _seconds_of(loops: int) -> float:
    begin = time.process_time()
    work([None], loops)
    return time.process_time() - begin


def alone(queryset: Any, func: Callable[[Any], int], workers: int) -> int:
    return sum(map(func, queryset.chunks()))


def shared(queryset: Any, func: Callable[[Any], int], workers: int) -> int:
    return sum(queryset.parallel(func, workers=workers))


def spent(walk: Callable[[], int]) -> tuple[int, float, float]:
    """Return the rows, the seconds, and the CPU seconds of this process and its children."""
    before, begin = _cpu(), time.perf_counter()
    rows = walk()
    return rows, time.perf_counter() - begin, _cpu() - before


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    workers, loops = int(sys.argv[1]), int(sys.argv[2])
    django.setup()
    from example_site.events.models import Event

    events = Event._default_manager.all()
    way = shared if workers else alone
    func = partial(work, loops=loops)
    # Workers that find nearly nothing to do: their start, and that of connections and caches.
    start = events.filter(pk__lte=events.order_by("pk")[2 * workers].pk)
    _, start_seconds, start_cpu = spent(lambda: way(start, func, workers))
    rows, seconds, cpu = spent(lambda: way(events, func, workers))
    assert rows == events.count()
    print(json.dumps({"seconds": seconds, "cpu": cpu, "start": [start_seconds, start_cpu]}))


if __name__ == "__main__":
    main()
