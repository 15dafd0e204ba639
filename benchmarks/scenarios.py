"""What is measured: which walks, over which rows, on which server and by which driver."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .servers import DRIVERS, Server
from .task import Task

#: The sizes of table whose first row is timed. The larger ones take a full run.
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
FULL_RUN = 500_000
#: Rows of 1 MB.
LARGE_ROWS = 400
#: A walk that holds every row gets no more than this many: about 1 GB.
HELD_ROWS = 1_000_000
#: OFFSET takes the longer the further it is: Paginator is not waited for.
SECONDS = 15

DJANGO = (".iterator() in atomic()", ".iterator()")
OURS = ("stream()", "keyset_iter()", "chunks()")
PEERS = (*DJANGO, ".all()", "Paginator", "django-chunkator", "SQLAlchemy yield_per")
DRIVER = "driver's cursor"
HOLDS_ALL = {".all()"}


@dataclass(frozen=True)
class Scenario:
    """Walks that are compared with each other, and with those of no other scenario."""

    title: str
    queryset: str
    server: Server
    driver: str
    ways: tuple[str, ...]
    events: int
    rows: int
    first_row_only: bool = False

    def task(self, way: str) -> Task:
        """Return what a process has to measure for one of the ways."""
        holds_all = way in HOLDS_ALL or (way in DJANGO and self.server.vendor == "mysql")
        limit = HELD_ROWS if holds_all and self.rows > HELD_ROWS else None
        if self.first_row_only:
            limit = 1
        return Task(way, self.queryset, limit, SECONDS if way == "Paginator" else math.inf)


def scenarios(rows: int, servers: list[Server]) -> Iterator[Scenario]:
    """Yield what a run with this many events measures."""
    for server in servers:
        for driver in DRIVERS[server.vendor]:
            yield instances(rows, server, driver)
        if server.vendor == "postgresql":
            yield from others(rows, server)


def instances(rows: int, server: Server, driver: str) -> Scenario:
    """Model instances of 8 columns: every peer, but SQLAlchemy by one driver alone."""
    left_out = {"SQLAlchemy yield_per"} if driver == "psycopg" else set()
    ways = [*PEERS, DRIVER, *OURS]
    if server.vendor == "postgresql":
        streams = ["stream()", "stream(read_ahead=False)", "stream() in atomic()"]
        ways[-3:] = ["COPY to nowhere", *streams, *OURS[1:]]
    return Scenario(
        title=f"Instances of 8 columns, {driver}",
        queryset="8 columns",
        server=server,
        driver=driver,
        ways=tuple(way for way in ways if way not in left_out),
        events=rows,
        rows=rows,
    )


def others(rows: int, server: Server) -> Iterator[Scenario]:
    """Yield the scenarios of PostgreSQL by psycopg2 alone."""
    ways = (*DJANGO, DRIVER, *OURS)
    for title, queryset, number in (
        ("select_related() of one relation", "select_related", rows),
        ("Instances of 40 columns", "40 columns", wide_rows(rows)),
        ("400 rows of 1 MB", "1 MB", LARGE_ROWS),
    ):
        yield Scenario(title, queryset, server, "psycopg2", ways, rows, number)
    for size in first_row_sizes(rows):
        yield Scenario(
            title=f"First row of {size:,}",
            queryset="8 columns",
            server=server,
            driver="psycopg2",
            ways=(*DJANGO, *(["Paginator"] if size <= 1_000_000 else []), *OURS),
            events=size,
            rows=1,
            first_row_only=True,
        )


def wide_rows(rows: int) -> int:
    """As many values as the events have, about."""
    return rows // 4


def first_row_sizes(rows: int) -> list[int]:
    """Every size for a full run; for a quick one those that it has loaded anyway, or soon."""
    return [size for size in SIZES if size <= rows or rows >= FULL_RUN]
