"""Exports beside their peers: ``python -m benchmarks.exports``, written to EXPORTS.md.

Each export runs in a process of its own, so that its memory is its own, in turns with the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from .arguments import parser
from .machine import machine, versions
from .processes import fill, surroundings
from .servers import DRIVERS, Server, servers

HEAD = """\
# Exports

Written by `python -m benchmarks.exports`. The machine: {machine}. The versions: {versions}.

{rows:,} events of 8 columns, read as a whole: the median of {rounds} rounds in turns, each in a
process of its own. Only the ratios mean anything elsewhere. Memory is what the process held at
most above what it held before: a table or a frame is held as a whole where that is what is asked
for.
"""
TABLE = """
## {title}

| | seconds | : {base} | memory |
|---|---:|---:|---:|"""

Export = Callable[[Any], None]


def written(parts: Iterable[bytes]) -> None:
    """Write into a file that keeps nothing."""
    with open(os.devnull, "wb") as file:
        file.writelines(parts)


def bare_copy(queryset: Any) -> None:
    """Have the server send every row as CSV, and look at none."""
    from .driver import driver_connection
    from .peers import Sink, select_of

    copy = f"COPY ({select_of(queryset)}) TO STDOUT WITH (FORMAT csv)"
    cursor = driver_connection().cursor()
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert(copy, Sink())
        return
    with cursor.copy(copy) as data:
        for _ in data:
            pass


def csv_writer(queryset: Any) -> None:
    """Write row by row, as most projects do."""
    import csv

    with open(os.devnull, "w", newline="") as file:
        csv.writer(file).writerows(queryset.values_list().iterator())


def adbc(queryset: Any) -> None:
    """Read into a table by ADBC's driver."""
    import adbc_driver_postgresql.dbapi

    from .peers import select_of

    with adbc_driver_postgresql.dbapi.connect(os.environ["BENCH_DATABASE_URL"]) as connection:
        with connection.cursor() as cursor:
            cursor.execute(select_of(queryset))
            cursor.fetch_arrow_table()


def connectorx(queryset: Any) -> None:
    """Read into a table by connectorx."""
    import connectorx as cx

    from .peers import select_of

    url = os.environ["BENCH_DATABASE_URL"].replace("postgres://", "postgresql://")
    cx.read_sql(url, select_of(queryset), return_type="arrow")


def pandas_read_sql(queryset: Any) -> None:
    """Read into a frame by pandas, through SQLAlchemy."""
    import pandas
    from sqlalchemy import create_engine

    from .peers import select_of

    url = os.environ["BENCH_DATABASE_URL"].replace("postgres://", "postgresql+psycopg2://")
    pandas.read_sql(select_of(queryset), create_engine(url))


def batches(queryset: Any) -> None:
    """Read batch after batch, and keep none."""
    for _ in queryset.stream().arrow():
        pass


EXPORTS: dict[str, Export] = {
    "bare COPY": bare_copy,
    "rows.csv()": lambda queryset: written(queryset.stream().csv()),
    "rows.ndjson()": lambda queryset: written(queryset.stream().ndjson()),
    "csv.writer over .iterator()": csv_writer,
    "keyset_iter().csv()": lambda queryset: written(queryset.keyset_iter().csv()),
    "rows.arrow(), batch by batch": batches,
    "rows.arrow().read_all()": lambda queryset: queryset.stream().arrow().read_all(),
    "rows.arrow().read_pandas()": lambda queryset: queryset.stream().arrow().read_pandas(),
    "rows.parquet()": lambda queryset: written(queryset.stream().parquet()),
    "ADBC": adbc,
    "connectorx": connectorx,
    "pandas.read_sql()": pandas_read_sql,
}
TEXT = ("csv.writer over .iterator()", "rows.csv()", "rows.ndjson()", "keyset_iter().csv()")
ARROW = ("rows.arrow().read_all()", "rows.arrow(), batch by batch", "rows.parquet()")
PEERS = ("ADBC", "connectorx", "rows.arrow().read_pandas()", "pandas.read_sql()")


def scenarios(found: list[Server]) -> list[tuple[Server, str, str, str, tuple[str, ...]]]:
    """Return server, driver, title, what all is compared with, and the exports."""
    listed = []
    for server in found:
        for driver in DRIVERS[server.vendor]:
            names = TEXT
            if server.vendor == "postgresql":
                names = ("bare COPY", *TEXT)
            title = f"CSV and NDJSON, {server.vendor} by {driver}"
            listed.append((server, driver, title, names[0], names))
            if server.vendor == "postgresql":
                peers = PEERS if driver == "psycopg2" else ()
                title = f"Arrow, {server.vendor} by {driver}"
                listed.append((server, driver, title, ARROW[0], (*ARROW, *peers)))
    return listed


def run(name: str, url: str, driver: str) -> tuple[float, int]:
    """Run an export in a process of its own; return seconds and bytes."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.exports", "--export", name],
        check=True,
        capture_output=True,
        text=True,
        **surroundings(url, driver),
    )
    seconds, memory = json.loads(finished.stdout.splitlines()[-1])
    return float(seconds), int(memory)


def measure(name: str) -> None:
    """Run an export in this process, and print what it took."""
    import gc

    import django

    django.setup()
    from django.db import connection

    from example_site.events.models import Event
    from tools.memory import PeakMemory

    connection.ensure_connection()
    import_all(name)
    queryset = Event.objects.all()
    gc.collect()
    memory, begin = PeakMemory(), time.perf_counter()
    EXPORTS[name](queryset)
    print(json.dumps([time.perf_counter() - begin, memory.growth()]))


def import_all(name: str) -> None:
    """Import what an export needs, which is not its time or memory."""
    if "arrow" in name or "parquet" in name or name in PEERS:
        import pyarrow.csv
        import pyarrow.parquet  # noqa: F401
    if "pandas" in name:
        import pandas  # noqa: F401


def table(title: str, base: str, results: dict[str, list[tuple[float, int]]]) -> str:
    """Return the results of a scenario as a table."""
    whole = median(seconds for seconds, _ in results[base])
    lines = [TABLE.format(title=title, base=base)]
    for name, rounds in results.items():
        seconds = median(seconds for seconds, _ in rounds)
        memory = max(memory for _, memory in rounds) / 1e6
        lines.append(f"| `{name}` | {seconds:.2f} | {seconds / whole:.2f} | {memory:.0f} MB |")
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__, rows=2_000_000)
    options.add_argument("--export", help="run this one in this process")
    options.add_argument("--only", default="", help="scenarios whose title has this in it")
    given = options.parse_args()
    if given.export:
        measure(given.export)
        return
    found = servers()
    text = HEAD.format(machine=machine(), versions=versions(), rows=given.rows, rounds=given.rounds)
    for server in found:
        fill(server.url(given.rows), DRIVERS[server.vendor][0], given.rows, 0, 0)
    for server, driver, title, base, names in scenarios(found):
        if given.only not in title:
            continue
        results: dict[str, list[tuple[float, int]]] = {name: [] for name in names}
        for number in range(given.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                results[name].append(run(name, server.url(given.rows), driver))
                print(title, name, results[name][-1], flush=True)
        text += table(title, base, results) + "\n"
        (given.output / "EXPORTS.md").write_text(text)


if __name__ == "__main__":
    main()
