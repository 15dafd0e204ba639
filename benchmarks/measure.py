"""Measures one walk, in a process of its own: ``python -m benchmarks.measure '{...}'``.

Prints two lines of JSON: at the start of the walk, and at its end with what was seen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import islice, repeat
from typing import Any

import django

from .task import Task


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


def run(task: Task) -> dict[str, Any]:
    """Walk, for at most `limit` rows or `seconds`."""
    from benchmarks.ways import WAYS
    from tools.measuring import measure

    way = WAYS[task.way]

    def rows(queryset: Any, chunk_size: int | None) -> Iterable[Any]:
        return islice(worked_on(iter(way(queryset, chunk_size)), task.loops), task.limit)

    queryset = querysets()[task.queryset]
    say(started=True)
    return asdict(measure(replace(way, rows=rows), queryset, seconds=task.seconds))


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
    say(result=run(Task(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
