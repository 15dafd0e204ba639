from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import Max

from example_site.events import generation
from example_site.events.models import Event
from example_site.events.screen import Screen

SLICE = 250_000


class Command(BaseCommand):
    help = (
        "Make the table of events hold exactly N rows, made up by the database itself: adds what "
        "is missing, deletes what is too much. Ten million take about two minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rows", metavar="N", type=int)

    def handle(self, *args: Any, rows: int, **options: Any) -> None:
        if rows < 0:
            raise CommandError(f"N is the number of rows to have, 0 or more, not {rows:,}.")
        if connection.vendor not in ("postgresql", "mysql", "sqlite"):
            raise CommandError(
                f"load_events writes SQL for PostgreSQL, MariaDB, MySQL and SQLite, not for "
                f"{connection.display_name}."
            )
        screen = Screen(self.stdout)
        if not load(rows, screen):
            screen.line(f"The table holds {rows:,} events already.")


def load(rows: int, screen: Screen) -> bool:
    """Make the table hold the events 1 to ``rows`` and no others; say whether it had to."""
    call_command("migrate", verbosity=0)
    found, last = Event.objects.count(), Event.objects.aggregate(last=Max("pk"))["last"] or 0
    if found == last == rows:
        return False
    if found != last or rows < last // 2:  # to start anew is right, or quicker
        _empty()
        last = 0
    Event.objects.filter(pk__gt=rows).delete()
    with screen.progress(f"Loading {rows:,} events", rows, done=min(last, rows)) as progress:
        generation.insert_users(connection)
        for start in range(last + 1, rows + 1, SLICE):
            end = min(start + SLICE - 1, rows)
            generation.insert_events(connection, start, end)
            progress.advance_to(end)
        generation.finish(connection)
    return True


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {Event._meta.db_table}"
            if connection.vendor == "sqlite"
            else f"TRUNCATE TABLE {Event._meta.db_table}"
        )
