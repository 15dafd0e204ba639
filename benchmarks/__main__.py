"""``python -m benchmarks``: fill the tables, measure in turns, write RESULTS.md and the plots."""

from __future__ import annotations

import argparse
import os
import time

from tools.children import FailedError

from . import plots
from .arguments import parser
from .outcomes import Measured, Outcome
from .processes import fill, run
from .report import report
from .scenarios import FULL_RUN, LARGE_ROWS, Scenario, first_row_sizes, scenarios, wide_rows
from .servers import DRIVERS, Server, servers


def arguments() -> argparse.Namespace:
    rows = int(os.environ.get("ROWS") or FULL_RUN)
    options = parser(__doc__, rows=rows, rounds=3 if rows >= FULL_RUN else 1)
    options.add_argument("--only", default="", help="scenarios whose title has this in it")
    return options.parse_args()


def prepare(rows: int, found: list[Server]) -> None:
    """Make the tables of every size that will be needed."""
    for server in found:
        sizes = first_row_sizes(rows) if server.vendor == "postgresql" else []
        for size in sorted({rows, *sizes}):
            print(f"{server.vendor}: the tables with {size:,} events", flush=True)
            extra = (wide_rows(rows), LARGE_ROWS) if size == rows else (0, 0)
            fill(server.url(size), DRIVERS[server.vendor][0], size, *extra)


def measure(scenario: Scenario, rounds: int) -> Measured:
    """Run every way once a round, forwards and backwards by turns."""
    print(f"\n{scenario.server.vendor}: {scenario.title}", flush=True)
    measured = Measured(scenario, {way: Outcome() for way in scenario.ways})
    for number in range(rounds):
        for way in scenario.ways if number % 2 == 0 else reversed(scenario.ways):
            _walk(scenario, way, measured.outcomes[way])
    for way, outcome in measured.successes.items():
        speed = 1 / outcome.seconds_a_row
        print(f"  {way:<24}{outcome.first_row * 1000:>10,.1f} ms{speed:>12,.0f} rows/s", flush=True)
    return measured


def _walk(scenario: Scenario, way: str, outcome: Outcome) -> None:
    if outcome.failure:
        return
    try:
        outcome.add(*run(scenario.task(way), scenario.server.url(scenario.events), scenario.driver))
    except FailedError as error:
        outcome.failure = str(error)
        print(f"  {way} failed: {error}", flush=True)


def main() -> None:
    given, found, begin = arguments(), servers(), time.monotonic()
    prepare(given.rows, found)
    chosen = [one for one in scenarios(given.rows, found) if given.only in one.title]
    measured = [measure(scenario, given.rounds) for scenario in chosen]
    plots.draw(measured, given.output / "plots")
    (given.output / "RESULTS.md").write_text(report(measured, given.rounds))
    print(f"\n{given.output / 'RESULTS.md'}, after {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
