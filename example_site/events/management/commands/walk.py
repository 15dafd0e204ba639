from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from example_site.events.models import Event
from tools.measuring import measure
from tools.ways import WAYS

REPORT_SECONDS = 0.1


class Command(BaseCommand):
    help = (
        "Walk the events in one way and measure it, for `demo`, which runs each walk in a process "
        "of its own. Prints a line of JSON now and then: how far it is, and at last the result."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("way", choices=list(WAYS))
        parser.add_argument("--limit", type=int, help="walk only this many rows")
        parser.add_argument("--seconds", type=float, default=float("inf"), help="give up after")

    def handle(self, *args: Any, way: str, limit: int | None, seconds: float, **kw: Any) -> None:
        connection.ensure_connection()
        events = Event.objects.order_by("pk")
        if limit is not None:
            events = events[:limit]
        self.reported = time.monotonic()
        result = measure(WAYS[way], events, seconds=seconds, report=self._report)
        self._say(result=asdict(result))

    def _report(self, rows: int) -> None:
        if time.monotonic() - self.reported > REPORT_SECONDS:
            self._say(rows=rows)
            self.reported = time.monotonic()

    def _say(self, **what: Any) -> None:
        self.stdout.write(json.dumps(what))
        self.stdout.flush()
