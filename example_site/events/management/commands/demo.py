from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from example_site.events.comparison import Comparison
from example_site.events.management.commands.load_events import load
from example_site.events.screen import Screen

ROWS = 1_000_000
INTERRUPTED = 130  # the shell's own status for Ctrl-C


def number_of_rows(text: str) -> int:
    try:
        rows = int(text.replace(",", ""))
    except ValueError:
        rows = 0
    if rows < 1:
        raise ArgumentTypeError(f"a number of rows, 1 or more, not {text!r}")
    return rows


class Command(BaseCommand):
    help = (
        "Load the events, walk them by Django's own means and by chunkqs, each in a process of "
        "its own, and compare the time to the first row, the speed and the memory."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rows",
            type=number_of_rows,
            default=os.environ.get("ROWS") or str(ROWS),
            help=f"how many (default: the variable ROWS, else {ROWS:,})",
        )

    def handle(self, *args: Any, rows: int, **options: Any) -> None:
        screen = Screen(self.stdout)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
        try:
            self._run(rows, screen)
        except KeyboardInterrupt:
            screen.line("Interrupted. What was loaded stays; nothing is left running.")
            sys.exit(INTERRUPTED)

    def _run(self, rows: int, screen: Screen) -> None:
        if not load(rows, screen):
            screen.line(f"The table holds {rows:,} events already.")
        screen.line()
        Comparison(rows, screen).run()
        if not settings.DATABASE_URL:
            from tools import embedded_postgres

            folder = embedded_postgres.home(settings.EMBEDDED_POSTGRES)
            name = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
            screen.line()
            screen.text(f"The server stops now, its data stays for the next run, in `{name}`.")
