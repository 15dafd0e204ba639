"""Writes the Markdown of a run."""

from __future__ import annotations

from collections.abc import Iterator

from .claims import ATOMIC, Claim, claims
from .machine import machine, versions
from .outcomes import Measured, Outcome

NAMES = {"postgresql": "PostgreSQL", "mysql": "MariaDB or MySQL", "sqlite": "SQLite"}
NO_FIRST_ROW = {"COPY to nowhere"}
INTRODUCTION = """\
# Results

Written by `make bench`. The machine: {machine}. The versions: {versions}.

**Only the ratios mean anything.** They are between walks over the same table, in the same run,
in turns; each in a process of its own, the database on the same machine, the median of {rounds}
round{s}. Times and rows a second are those of this machine on that day.

Each loop does nothing with its rows. Where the queryset has no order, the walks that need one
(`Paginator`, django-chunkator, `keyset_iter()` and `chunks()`) go by primary key. Memory is the
most that the process took above what it held before the walk.
"""


def report(measured: list[Measured], rounds: int) -> str:
    """Return the text of RESULTS.md."""
    by_title = {one.scenario.title: one for one in measured}
    parts = [
        INTRODUCTION.format(
            machine=machine(), versions=versions(), rounds=rounds, s="" if rounds == 1 else "s"
        ),
        "## What chunkqs is to achieve\n",
        *_lines(claim_table(claims(by_title))),
        "![Rows per second](plots/speed.svg)\n",
        "![First row against table size](plots/first_row.svg)\n",
        "![Memory over time](plots/memory.svg)\n",
    ]
    walks = [one for one in measured if not one.scenario.first_row_only]
    for one in walks:
        parts += section(one)
    parts += first_rows([one for one in measured if one.scenario.first_row_only])
    return "\n".join(parts)


def claim_table(made: list[Claim]) -> Iterator[str]:
    yield "| | wanted | measured | |"
    yield "|---|---|---|---|"
    for claim in made:
        value = f"{claim.value:.2f}" if claim.unit == "×" else f"{claim.value:.0f}{claim.unit}"
        remark = "" if claim.is_met else "**missed**"
        yield f"| {claim.text} | {claim.wanted} | {value} | {remark} |"


def section(one: Measured) -> Iterator[str]:
    scenario = one.scenario
    yield f"## {NAMES[scenario.server.vendor]}: {scenario.title}\n"
    yield f"{scenario.rows:,} rows. Speed 1 is that of `{ATOMIC}`.\n"
    yield from _lines(_walks(one))


def _walks(one: Measured) -> Iterator[str]:
    yield "| | speed | first row | most memory | rows a second |"
    yield "|---|---:|---:|---:|---:|"
    for way, outcome in one.successes.items():
        speed = f"{one.speed(way, ATOMIC):.2f}" if ATOMIC in one.successes else ""
        first = "" if way in NO_FIRST_ROW else milliseconds(outcome.first_row)
        memory, rows = megabytes(outcome.memory), f"{1 / outcome.seconds_a_row:,.0f}"
        yield f"| {way_text(way, outcome, one)} | {speed} | {first} | {memory} | {rows} |"
    for way, failure in one.failures.items():
        yield f"| {way} | failed: {failure} | | | |"


def way_text(way: str, outcome: Outcome, one: Measured) -> str:
    if outcome.rows < one.scenario.rows:
        return f"{way}, the first {outcome.rows:,} rows"
    return way


def first_rows(sizes: list[Measured]) -> Iterator[str]:
    """One column for each size of table."""
    if not sizes:
        return
    yield "## PostgreSQL: the first row of tables of different sizes\n"
    yield from _lines(_first_rows(sizes))


def _first_rows(sizes: list[Measured]) -> Iterator[str]:
    yield "| | " + " | ".join(f"{one.scenario.events:,} rows" for one in sizes) + " |"
    yield "|---|" + "---:|" * len(sizes)
    for way in sizes[0].successes:
        cells = [_first_row(one, way) for one in sizes]
        yield f"| {way} | " + " | ".join(cells) + " |"


def _first_row(one: Measured, way: str) -> str:
    return milliseconds(one.outcomes[way].first_row) if way in one.successes else ""


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 0.1 else f"{seconds * 1000:,.0f} ms"


def megabytes(size: float) -> str:
    return f"{size / (1 << 20):,.1f} MB" if size < 10 << 20 else f"{size / (1 << 20):,.0f} MB"


def _lines(lines: Iterator[str]) -> Iterator[str]:
    """A table, and the empty line behind it."""
    yield from lines
    yield ""
