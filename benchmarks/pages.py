"""Pages of a large table on PostgreSQL: ``python -m benchmarks.pages``, written to PAGES.md.

Each page is read at the start, in the middle and at the end of the table, by KeysetPaginator and
by Django's Paginator, whose page is a COUNT and an OFFSET.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from .arguments import parser
from .cursor_fraction import connect
from .machine import machine, versions

PER_PAGE = 50
HEAD = """\
# Pages

Written by `python -m benchmarks.pages --rows {rows}`. The machine: {machine}. The versions:
{versions}.

{rows:,} events, {per_page} a page with their users (`select_related`), on PostgreSQL by psycopg2:
milliseconds, the median of {rounds} rounds, and the blocks that the query looks at.

| order | page | plan | blocks | KeysetPaginator | Paginator |
|---|---|---|---:|---:|---:|"""

Read = Callable[[], Any]


def querysets() -> dict[str, Any]:
    from django.db.models import F

    from example_site.events.models import Event

    events = Event._default_manager.select_related("user")
    dearest = F("amount").desc(nulls_last=True)
    return {
        "`-created_at`": events.order_by("-created_at", "-pk"),
        "`-created_at` of a kind": events.filter(kind="click").order_by("-created_at", "-pk"),
        "`amount`, NULLs last": events.order_by(dearest, "-pk"),
    }


def pages(queryset: Any, rows: int) -> dict[str, tuple[Read, Read]]:
    """Return how to read each page by position, and by number."""
    from django.core.paginator import Paginator

    from chunkqs import KeysetPaginator

    middle = rows // PER_PAGE // 2
    # A token is bound to the order alone, so that of two rows serves for all of them.
    two = queryset.values_list("pk", flat=True)[middle * PER_PAGE : middle * PER_PAGE + 2]
    in_between = KeysetPaginator(queryset.filter(pk__in=list(two)), 1).page().next_token
    places = {"first": (None, 1), "middle": (in_between, middle), "last": ("last", -1)}

    def by_number(number: int) -> list[Any]:
        paginator = Paginator(queryset, PER_PAGE)
        return list(paginator.page(paginator.num_pages if number < 0 else number))

    return {
        name: (
            lambda token=token: KeysetPaginator(queryset, PER_PAGE).page(token),
            lambda number=number: by_number(number),
        )
        for name, (token, number) in places.items()
    }


def milliseconds(read: Read, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        read()
        taken.append(time.perf_counter() - begin)
    return median(taken) * 1000


def plan_of(read: Read) -> tuple[str, int]:
    """Return the steps that a page reads its rows by, and the blocks of the whole query."""
    from django.db import connection

    statements: list[tuple[str, Any]] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        read()
    ((sql, params),) = statements
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", params)
        (answer,) = cursor.fetchone()
    plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    steps = [
        f"{step['Node Type']} {step['Index Name'].removeprefix('events_event_')}"
        for step in steps_of(plan)
        if step.get("Relation Name") == "events_event" and "Index Name" in step
    ]
    return ", ".join(steps), plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def steps_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps_of(part)


def lines(rounds: int) -> Iterator[str]:
    for order, queryset in querysets().items():
        for name, (by_position, by_number) in pages(queryset, queryset.count()).items():
            steps, blocks = plan_of(by_position)
            times = [milliseconds(by_position, rounds), milliseconds(by_number, min(rounds, 3))]
            yield f"| {order} | {name} | {steps} | {blocks} | {times[0]:,.1f} | {times[1]:,.1f} |"


def main() -> None:
    given = parser(__doc__, rows=1_000_000, rounds=21).parse_args()
    connect(given.rows)
    text = [
        HEAD.format(
            machine=machine(),
            versions=versions(),
            rows=given.rows,
            per_page=PER_PAGE,
            rounds=given.rounds,
        )
    ]
    for made in lines(given.rounds):
        print(made, flush=True)
        text.append(made)
    (given.output / "PAGES.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
