"""The tasks that Celery's workers do: ``celery -A example_site.celery worker``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from celery import chord, shared_task
from celery.result import AsyncResult
from celery.signals import worker_ready
from django.db.models import Count, Sum

from example_site.events.models import Event

from .backfills import Overtaken, begin, run
from .models import Backfill

#: The time that one turn of a backfill's loop should take; and the rest of the machine's.
TARGET_SECONDS = 0.2
SOFT_TIME_LIMIT = 60


@shared_task(acks_late=True, reject_on_worker_lost=True)
def sum_up_partition(token: str) -> dict[str, int]:
    """Sum up the events of one partition, which comes as its token."""
    part = Event.objects.partition(token)
    return part.order_by().aggregate(events=Count("pk"), milliseconds=Sum("duration_ms", default=0))


@shared_task
def add_up(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Add up what the partitions have."""
    parts = list(parts)
    return {name: sum(part[name] for part in parts) for name in ("events", "milliseconds")}


def sum_up_all(partitions: int = 16) -> AsyncResult[Any]:
    """Sum up all events by a task for each partition, and one for their sum."""
    tokens = [str(partition) for partition in Event.objects.partitions(partitions)]
    return chord(sum_up_partition.s(token) for token in tokens)(add_up.s())


@shared_task(bind=True, acks_late=True, reject_on_worker_lost=True, soft_time_limit=SOFT_TIME_LIMIT)
def do_backfill(self: Any, name: str) -> str:
    """Do a backfill until the soft time limit, then queue it again from where it is."""
    try:
        for _ in run(name, target_seconds=TARGET_SECONDS):
            pass
    except SoftTimeLimitExceeded:
        self.apply_async(args=[name])
        return f"{name}: to be continued"
    except Overtaken as overtaken:
        return str(overtaken)
    return f"{name}: finished"


def start_backfill(name: str) -> None:
    """Queue a backfill."""
    begin(name)
    do_backfill.delay(name)


@worker_ready.connect
def take_up_backfills(**kwargs: Any) -> None:
    """Queue what a worker was killed at. Should it be queued already, one of the two gives way."""
    for name in Backfill.objects.filter(is_finished=False).values_list("name", flat=True):
        do_backfill.delay(name)
