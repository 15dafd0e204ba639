"""Work by several processes beside one: ``python -m benchmarks.parallel``, written to PARALLEL.md.

Each walk has a process of its own, in turns; what workers take to start is measured apart.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from .arguments import parser
from .machine import machine, versions
from .processes import fill, python, surroundings
from .servers import servers
from .shared_work import turns_in

#: Microseconds of Python work for each row.
WORK = (0, 5, 20, 50)
HEAD = """\
# parallel()

Written by `python -m benchmarks.parallel --rows {rows} --workers {workers}`. The machine:
{machine}. The versions: {versions}.

{rows:,} events on PostgreSQL by psycopg2, so many microseconds of Python work for each row:
`parallel(func, workers={workers})` beside a loop over `chunks()` in one process, the median of
{rounds} rounds. CPU seconds are those of all processes but the server's. The start of the workers
is apart: {start_seconds:.1f} s, {start_cpu:.1f} CPU seconds.

| µs a row | one process | workers | one : workers | CPU, one | CPU, workers | workers : one |
|---:|---:|---:|---:|---:|---:|---:|"""


@dataclass(frozen=True)
class Spent:
    """Seconds and CPU seconds of a walk, without those of the start."""

    seconds: float
    cpu: float
    start: tuple[float, float]


def measure(url: str, workers: int, loops: int) -> Spent:
    command = python("benchmarks.shared_work", str(workers), str(loops))
    where = surroundings(url, "psycopg2")
    done = subprocess.run(command, check=True, capture_output=True, text=True, **where)
    found = json.loads(done.stdout)
    start_seconds, start_cpu = found["start"] if workers else (0.0, 0.0)
    return Spent(
        found["seconds"] - start_seconds, found["cpu"] - start_cpu, (start_seconds, start_cpu)
    )


def lines(url: str, workers: int, rounds: int) -> Iterator[tuple[str, list[Spent]]]:
    for microseconds in WORK:
        loops = turns_in(microseconds)
        pairs = [(measure(url, 0, loops), measure(url, workers, loops)) for _ in range(rounds)]
        one, many = ([pair[place] for pair in pairs] for place in (0, 1))
        seconds = [median(spent.seconds for spent in way) for way in (one, many)]
        cpu = [median(spent.cpu for spent in way) for way in (one, many)]
        yield (
            f"| {microseconds} | {seconds[0]:.2f} s | {seconds[1]:.2f} s "
            f"| {seconds[0] / seconds[1]:.2f} | {cpu[0]:.2f} s | {cpu[1]:.2f} s "
            f"| {cpu[1] / cpu[0]:.2f} |",
            many,
        )


def main() -> None:
    options = parser(__doc__, rows=1_000_000)
    options.add_argument("--workers", type=int, default=2, help="processes that work")
    given = options.parse_args()
    url = servers()[0].url(given.rows)
    fill(url, "psycopg2", given.rows, 0, 0)
    table, starts = [], []
    for line, spent in lines(url, given.workers, given.rounds):
        print(line, flush=True)
        table.append(line)
        starts += [one.start for one in spent]
    head = HEAD.format(
        machine=machine(),
        versions=versions(),
        rows=given.rows,
        rounds=given.rounds,
        workers=given.workers,
        start_seconds=median(seconds for seconds, _ in starts),
        start_cpu=median(cpu for _, cpu in starts),
    )
    (given.output / "PARALLEL.md").write_text("\n".join([head, *table]) + "\n")


if __name__ == "__main__":
    main()
