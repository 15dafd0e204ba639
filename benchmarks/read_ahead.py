"""Whether to fetch ahead: ``python -m benchmarks.read_ahead`` writes READ_AHEAD.md.

A caller that works some microseconds a row streams the events, with and without read-ahead, on
the local socket and through a proxy that adds 5 ms of latency.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from urllib.parse import urlsplit

import environ

from .arguments import parser
from .machine import machine, versions
from .outcomes import Outcome
from .processes import ROOT, fill, run
from .servers import DRIVERS, Server, servers
from .task import Task

LATENCY = 0.005
WORKS = (0, 5, 20)  # microseconds a row
WAYS = {
    "off": "stream(read_ahead=False)",
    "on": "stream(read_ahead=True)",
}
HEAD = """\
# Read-ahead

Written by `python -m benchmarks.read_ahead`. The machine: {machine}. The versions: {versions}.

{rows:,} events by `stream()`, the median of {rounds} rounds in turns, each in a process of its own.
The caller's work is pure Python, which holds the interpreter's lock.

| | caller's work a row | time off : on | off | on | memory off | memory on |
|---|---:|---:|---:|---:|---:|---:|"""


@contextmanager
def delayed(url: str) -> Iterator[str]:
    """Yield the URL of the same database behind the proxy."""
    config = environ.Env.db_url_config(url)
    host = config["HOST"] or config.get("OPTIONS", {}).get("host", "127.0.0.1")
    command = [sys.executable, "-m", "benchmarks.proxy", host, config["PORT"] or "5432"]
    with subprocess.Popen(
        [*map(str, command), str(LATENCY)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as proxy:
        assert proxy.stdout is not None
        port = proxy.stdout.readline().strip()
        login = f"{config['USER'] or 'postgres'}:{config['PASSWORD']}".rstrip(":")
        try:
            yield f"postgres://{login}@127.0.0.1:{port}{urlsplit(url).path}"
        finally:
            proxy.terminate()


def loops_a_microsecond() -> float:
    """How often an empty loop turns in a microsecond, here and now."""
    turns = 2_000_000
    begin = time.perf_counter()
    for _ in repeat(None, turns):
        pass
    return turns / (time.perf_counter() - begin) / 1e6


def compare(url: str, work: int, given: argparse.Namespace, driver: str) -> dict[str, Outcome]:
    outcomes = {name: Outcome() for name in WAYS}
    loops = round(work * loops_a_microsecond())
    for number in range(given.rounds):
        for name in WAYS if number % 2 == 0 else reversed(WAYS):
            task = Task(WAYS[name], "8 columns", given.rows, loops=loops)
            outcomes[name].add(*run(task, url, driver))
    return outcomes


def line(link: str, work: int, outcomes: dict[str, Outcome]) -> str:
    off, on = outcomes["off"], outcomes["on"]
    ratio = off.seconds_a_row / on.seconds_a_row
    times = " | ".join(f"{one.seconds_a_row * 1e6:.2f} µs a row" for one in (off, on))
    memory = " | ".join(f"{one.memory / 1e6:.1f} MB" for one in (off, on))
    return f"| {link} | {work} µs | {ratio:.2f} | {times} | {memory} |"


def lines(server: Server, given: argparse.Namespace) -> Iterator[str]:
    url = server.url(1_000_000)
    fill(url, DRIVERS[server.vendor][0], 1_000_000, 0, 0)
    with delayed(url) as late:
        for driver in DRIVERS[server.vendor]:
            for link, address in (("local socket", url), ("5 ms of latency", late)):
                for work in WORKS:
                    yield line(f"{driver}, {link}", work, compare(address, work, given, driver))


def main() -> None:
    given = parser(__doc__, rows=300_000).parse_args()
    head = HEAD.format(machine=machine(), versions=versions(), rows=given.rows, rounds=given.rounds)
    text = [head]
    for made in lines(servers()[0], given):
        print(made, flush=True)
        text.append(made)
    (given.output / "READ_AHEAD.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
