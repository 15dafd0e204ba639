"""The walks of ``demo``, one after the other, each in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection

from tools.children import FailedError, child
from tools.measuring import Result
from tools.ways import OURS, WAYS

from .screen import Screen, seconds, size

MANAGE = Path(settings.BASE_DIR) / "manage.py"
HELD_ROWS = 1_000_000  # the most that a walk gets which holds all its rows: about 1 GB
HELD_BYTES = 1_500  # per row, a generous guess
PAGINATOR_SECONDS = 60
LAYOUT = "{:<15}{:>14}{:>14}{:>16}{:>14}"


class Comparison:
    def __init__(self, rows: int, screen: Screen) -> None:
        self.rows = rows
        self.screen = screen
        self.results: dict[str, Result] = {}

    def run(self) -> None:
        """Walk in each way, print a line as each is done, and say what was seen."""
        connection.close()  # the walks open their own
        self.screen.text(
            f"Walking {self.rows:,} events in the order of their primary key, six ways, each in a "
            "process of its own. Memory is what the walk takes above Django itself."
        )
        self.screen.line()
        header = LAYOUT.format("", "first row", "rows/s", "peak memory", "whole walk")
        self.screen.line(header, style="bold")
        for name in WAYS:
            self._compare(name)
        self.screen.line()
        self.screen.text(self._summary())

    def _compare(self, name: str) -> None:
        limit = self._limit(name)
        try:
            with self.screen.bar(f"{name:<15}", limit) as bar:
                self.results[name] = measure(self._arguments(name, limit), bar.advance_to)
        except FailedError as failure:
            self.screen.line(f"{name:<15}  failed: {failure}", style="red")
        else:
            self._print(name, self.results[name])

    def _print(self, name: str, result: Result) -> None:
        line = LAYOUT.format(
            name,
            seconds(result.first_row),
            f"{result.speed:,.0f}",
            size(result.memory),
            seconds(result.seconds),
        )
        self.screen.line(line, style="green" if name in OURS else None)
        if result.rows < self.rows:
            self.screen.text(self._remark(name, result), indent="  ")

    # walks that would take all memory, or all day

    def _holds_all(self, name: str) -> bool:
        return name == ".all()" or (name == ".iterator()" and connection.vendor == "mysql")

    def _limit(self, name: str) -> int:
        if not self._holds_all(name):
            return self.rows
        return min(self.rows, HELD_ROWS, max(10_000, free_memory() // 2 // HELD_BYTES))

    def _arguments(self, name: str, limit: int) -> list[str]:
        arguments = [name]
        if limit < self.rows:
            arguments += ["--limit", str(limit)]
        if name == "Paginator":
            arguments += ["--seconds", str(PAGINATOR_SECONDS)]
        return arguments

    def _remark(self, name: str, result: Result) -> str:
        if self._holds_all(name):
            whole = size(result.memory / result.rows * self.rows)
            return f"The first {result.rows:,} rows alone: all of them would take about {whole}."
        return f"Given up after {PAGINATOR_SECONDS} s, at row {result.rows:,}."

    def _summary(self) -> str:
        seen = f"You have just seen {self.rows:,} rows walked in six ways"
        ours, theirs, held = map(self.results.get, ("stream()", ".iterator()", ".all()"))
        if ours and theirs and held:
            seen += f". {compared(ours, theirs, held)}"
        return (
            f"{seen}. To have the same in your own project, write `objects = ChunkedManager()` on "
            "a model: README.md says how, and which of the three to use when."
        )


def compared(ours: Result, theirs: Result, held: Result) -> str:
    """Say what came out, and where it was the other way round than expected, why."""
    rows = "" if held.rows == ours.rows else f" for {held.rows:,}"
    said = (
        f"stream() had its first row after {seconds(ours.first_row)} "
        f"(.iterator(): {seconds(theirs.first_row)}) and all of them in "
        f"{size(ours.memory)} of memory (.all(): {size(held.memory)}{rows})"
    )
    if ours.first_row >= theirs.first_row:
        said += (
            ". That first row was no sooner: so few are fetched as fast as a second connection is "
            "opened. ROWS=1000000 shows the difference"
        )
    return said


def measure(arguments: list[str], report: Callable[[int], None]) -> Result:
    """Run ``manage.py walk`` with these arguments and return its result."""
    command = [sys.executable, str(MANAGE), "walk", *arguments]
    # A session of its own: Ctrl-C comes to this process alone, which then ends the other.
    with child(command, start_new_session=True) as process:
        for message in process.messages():
            if "result" in message:
                return Result(**message["result"])
            report(message["rows"])
        raise process.failure()


def free_memory() -> int:
    """Bytes that a process may take without harm; plenty where the system doesn't say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 2 * HELD_ROWS * HELD_BYTES
