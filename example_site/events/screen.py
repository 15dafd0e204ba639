"""What the commands print: lines, and a progress bar where somebody watches."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

WIDTH = 80
UNBROKEN = "\N{NO-BREAK SPACE}"


class Screen:
    def __init__(self, stdout: OutputWrapper) -> None:
        stdout.ending = ""  # rich ends its lines itself
        self.console = Console(
            file=cast("IO[str]", stdout), highlight=False, markup=False, emoji=False
        )

    def line(self, text: str = "", style: str | None = None) -> None:
        self.console.print(text, style=style, soft_wrap=True)

    def text(self, text: str, indent: str = "") -> None:
        """Print running text, wrapped to the width of the terminal, `code` in one piece."""
        whole = re.sub("`[^`]*`", lambda code: code[0].replace(" ", UNBROKEN), text)
        width = min(self.console.width, WIDTH)
        filled = textwrap.fill(
            whole, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
        self.line(filled.replace(UNBROKEN, " "))

    @contextmanager
    def bar(self, description: str, total: int, done: int = 0) -> Iterator[Bar]:
        """Show a bar that is gone at the end; nothing at all where nobody watches."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]}"),
            TimeRemainingColumn(compact=True),
        )
        with Progress(
            *columns,
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as progress:
            # Without a total the bar pulses, until the first row is there.
            task = progress.add_task(description, total=None, rows="")
            bar = Bar(progress, task, total)
            if done:
                bar.advance_to(done)
            yield bar

    @contextmanager
    def progress(self, description: str, total: int, done: int = 0) -> Iterator[Bar]:
        """Show a bar, then a line that says how long it took."""
        begin = time.perf_counter()
        with self.bar(description, total, done) as bar:
            yield bar
        self.line(f"{description}: {seconds(time.perf_counter() - begin)}")


class Bar:
    def __init__(self, progress: Progress, task: TaskID, total: int) -> None:
        self.progress, self.task, self.total = progress, task, total

    def advance_to(self, rows: int) -> None:
        text = f"{rows:,} of {self.total:,}"
        self.progress.update(self.task, completed=rows, total=self.total, rows=text)


def seconds(value: float) -> str:
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def size(value: float) -> str:
    if value < 10e6:
        return f"{value / 1e6:.1f} MB"
    return f"{value / 1e6:,.0f} MB" if value < 10e9 else f"{value / 1e9:,.0f} GB"
