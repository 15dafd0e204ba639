"""Measures one walk, in a process of its own: ``python -m benchmarks.measure '{...}'``.

Prints two lines of JSON: at the start of the walk, and at its end with what was seen.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice, repeat
from typing import Any

import django

#: How often a walk looks at the clock.
LOOK_ROWS = 2_000


@dataclass(frozen=True)
class Task:
    """Which walk, over which rows, and how far."""

    way: str
    queryset: str
    limit: int | None = None
    seconds: float = float("inf")
    loops: int = 0
    """Turns of an empty loop that the caller works on each row."""


@dataclass(frozen=True)
class Result:
    """One walk: seconds to the first row and to the last, and bytes held at the most."""

    rows: int
    first_row: float
    seconds: float
    memory: int


def querysets() -> dict[str, Any]:
    from benchmarks.models import Large, Wide
    from example_site.events.models import Event

    models: tuple[Any, ...] = (Event, Wide, Large)
    events, wide, large = (model.objects.all() for model in models)
    return {
        "8 columns": events,
        "select_related": events.select_related("user"),
        "40 columns": wide,
        "1 MB": large,
    }


def measure(task: Task) -> Result:
    """Walk, for at most `limit` rows or `seconds`."""
    from benchmarks.ways import WAYS
    from example_site.events.walks import PeakMemory

    way, queryset = WAYS[task.way], querysets()[task.queryset]
    gc.collect()
    memory = PeakMemory()
    say(started=True)
    begin = time.perf_counter()
    with way.around():
        rows = islice(worked_on(iter(way.rows(queryset)), task.loops), task.limit)
        count = sum(1 for _ in islice(rows, 1))
        first_row = time.perf_counter() - begin
        while more := sum(1 for _ in islice(rows, LOOK_ROWS)):
            count += more
            if time.perf_counter() - begin > task.seconds:
                break
        seconds = time.perf_counter() - begin
    return Result(count, first_row, seconds, memory.growth())


def worked_on(rows: Iterator[Any], loops: int) -> Iterator[Any]:
    """Return the rows of a caller who does something with each."""
    return rows if loops == 0 else _worked_on(rows, loops)


def _worked_on(rows: Iterator[Any], loops: int) -> Iterator[Any]:
    for row in rows:
        # Turns, not time: what another thread takes meanwhile is not work that was done.
        for _ in repeat(None, loops):
            pass
        yield row


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    django.setup()
    from django.db import connection

    connection.ensure_connection()
    say(result=asdict(measure(Task(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
