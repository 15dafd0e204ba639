from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from example_site.events.screen import Screen
from example_site.tasks.backfills import BACKFILLS, begin, run
from example_site.tasks.models import Backfill

#: Seconds between two looks at a backfill that the workers do.
INTERVAL = 0.5


class Command(BaseCommand):
    help = (
        "Do a backfill, or take it up where it was stopped, and show how far it is. Ctrl-C stops "
        "it after the chunk at hand; the same command goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=list(BACKFILLS))
        parser.add_argument("--queue", action="store_true", help="let Celery's workers do it")
        parser.add_argument("--again", action="store_true", help="begin anew, if it is finished")

    def handle(self, *args: Any, name: str, queue: bool, again: bool, **options: Any) -> None:
        screen = Screen(self.stdout)
        if again:
            Backfill.objects.filter(name=name, is_finished=True).delete()
        record = begin(name)
        if record.is_finished:
            screen.line(f"{name} is finished: {record.rows:,} rows. Do it --again?")
            return
        if record.rows:
            screen.line(f"{name} goes on after {record.rows:,} rows.")
        try:
            self._watch(screen, record, _queued(name) if queue else run(name, target_seconds=0.5))
        except KeyboardInterrupt:
            record.refresh_from_db()
            screen.line(f"Stopped after {record.rows:,} rows. The same command goes on.")
            raise SystemExit(130) from None

    def _watch(self, screen: Screen, record: Backfill, progress: Iterator[Backfill]) -> None:
        with screen.progress(record.name, record.total, record.rows) as bar, closing(progress):
            for record in progress:
                bar.advance_to(record.rows)
        screen.line(f"{record.rows:,} rows are done.")


def _queued(name: str) -> Iterator[Backfill]:
    """Hand the backfill to the workers, and yield how far it is until it is finished."""
    from example_site.celery import app  # noqa: F401 - the tasks are its
    from example_site.tasks.celery_tasks import start_backfill

    start_backfill(name)
    while True:
        record = Backfill.objects.get(name=name)
        yield record
        if record.is_finished:
            return
        time.sleep(INTERVAL)
