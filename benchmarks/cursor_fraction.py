"""How PostgreSQL plans a cursor: ``python -m benchmarks.cursor_fraction``, CURSOR_FRACTION.md.

``cursor_tuple_fraction`` is the part of the rows that the planner expects a cursor to be asked
for: a tenth, unless it is told otherwise. For walks in an order whose index the heap doesn't
follow, that can decide between the index (the first row at once) and a sort (the last row soon).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from .arguments import parser
from .machine import machine, versions
from .processes import fill
from .servers import servers

FRACTIONS = (0.1, 1.0)
CHUNK = 2_000
HEAD = """\
# cursor_tuple_fraction

Written by `python -m benchmarks.cursor_fraction`. The machine: {machine}. The versions: {versions}.

{rows:,} events read through a cursor of psycopg2, the median of {rounds} rounds in turns.

| walk | rows | plan at 0.1 | plan at 1.0 | first row | | all rows | | all rows, 0.1 : 1.0 |
|---|---:|---|---|---:|---:|---:|---:|---:|
| | | | | *0.1* | *1.0* | *0.1* | *1.0* | |"""


@dataclass(frozen=True)
class Seen:
    """One walk: its plan, seconds to the first row and to the last."""

    plan: str
    rows: int
    first_row: float
    seconds: float


def querysets() -> dict[str, Any]:
    from example_site.events.models import Event

    events = Event._default_manager.all()
    return {
        "`order_by('created_at')`: the heap follows it": events.order_by("created_at"),
        "`order_by('user_id')`": events.order_by("user_id"),
        "a seventh, `order_by('user_id')`": events.filter(country="DE").order_by("user_id"),
        "a half, `order_by('user_id')`": events.filter(duration_ms__lt=1500).order_by("user_id"),
    }


def walk(queryset: Any, fraction: float) -> Seen:
    """Read the whole of a query on a connection of its own."""
    from .driver import driver_connection

    sql, parameters = queryset.query.sql_with_params()
    connection = driver_connection()
    with connection, connection.cursor() as settings:
        settings.execute("SET cursor_tuple_fraction = %s", [fraction])
        plan = plan_of(settings, sql, parameters)
        begin = time.perf_counter()
        cursor = connection.cursor("chunkqs_bench")
        cursor.execute(sql, parameters)
        rows = len(cursor.fetchmany(1))
        first_row = time.perf_counter() - begin
        while block := cursor.fetchmany(CHUNK):
            rows += len(block)
        seconds = time.perf_counter() - begin
    connection.close()
    return Seen(plan, rows, first_row, seconds)


def plan_of(cursor: Any, sql: str, parameters: Any) -> str:
    cursor.execute(f"EXPLAIN DECLARE explained CURSOR FOR {sql}", parameters)
    return str(cursor.fetchone()[0]).split("  (")[0].split(" using ")[0]


def line(name: str, queryset: Any, rounds: int) -> str:
    seen: dict[float, list[Seen]] = {fraction: [] for fraction in FRACTIONS}
    for number in range(rounds):
        for fraction in FRACTIONS if number % 2 == 0 else reversed(FRACTIONS):
            seen[fraction].append(walk(queryset, fraction))
    plans = " | ".join(walks[0].plan for walks in seen.values())
    first = [median(one.first_row for one in walks) for walks in seen.values()]
    whole = [median(one.seconds for one in walks) for walks in seen.values()]
    times = " | ".join(
        [f"{value * 1000:,.1f} ms" for value in first] + [f"{value:.2f} s" for value in whole]
    )
    rows = seen[FRACTIONS[0]][0].rows
    return f"| {name} | {rows:,} | {plans} | {times} | {whole[0] / whole[1]:.2f} |"


def lines(rounds: int) -> Iterator[str]:
    for name, queryset in querysets().items():
        yield line(name, queryset, rounds)


def connect(rows: int) -> None:
    """Let Django know of the database, in this process."""
    url = servers()[0].url(rows)
    fill(url, "psycopg2", rows, 0, 0)
    os.environ.update(
        BENCH_DATABASE_URL=url,
        BENCH_DRIVER="psycopg2",
        DJANGO_SETTINGS_MODULE="benchmarks.settings",
    )
    import django

    django.setup()


def main() -> None:
    given = parser(__doc__, rows=1_000_000).parse_args()
    connect(given.rows)
    text = [
        HEAD.format(machine=machine(), versions=versions(), rows=given.rows, rounds=given.rounds)
    ]
    for made in lines(given.rounds):
        print(made, flush=True)
        text.append(made)
    (given.output / "CURSOR_FRACTION.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
