"""The same tasks for Django's own interface, from Django 6.0 on: any backend of TASKS does them."""

from __future__ import annotations

import time

from django.db.models import Count, Sum
from django.tasks import task

from example_site.events.models import Event

from .backfills import Overtaken, begin, run

#: Seconds that a backfill works before it makes room for other tasks.
SECONDS = 60.0
TARGET_SECONDS = 0.2


@task
def sum_up_partition(token: str) -> dict[str, int]:
    """Sum up the events of one partition, which comes as its token."""
    part = Event.objects.partition(token)
    return part.order_by().aggregate(events=Count("pk"), milliseconds=Sum("duration_ms", default=0))


def sum_up_all(partitions: int = 16) -> list[str]:
    """Queue a task for each partition; return the ids of their results."""
    found = Event.objects.partitions(partitions)
    return [sum_up_partition.enqueue(str(partition)).id for partition in found]


@task
def do_backfill(name: str, seconds: float = SECONDS) -> str:
    """Do a backfill for some time, then queue it again from where it is."""
    until = time.monotonic() + seconds
    try:
        for record in run(name, target_seconds=TARGET_SECONDS):
            if time.monotonic() > until and not record.is_finished:
                do_backfill.enqueue(name, seconds)
                return f"{name}: to be continued"
    except Overtaken as overtaken:
        return str(overtaken)
    return f"{name}: finished"


def start_backfill(name: str) -> None:
    """Queue a backfill."""
    begin(name)
    do_backfill.enqueue(name)
