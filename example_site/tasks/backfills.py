"""Changes of a whole table that can be stopped at any time, and are done exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from chunkqs import Chunk, ChunkedQuerySet
from example_site.events.models import Event

from .models import Backfill


class Overtaken(Exception):
    """Another process works on the same backfill, and is ahead."""


@dataclass(frozen=True)
class Change:
    """What a backfill does, chunk by chunk, and to which rows."""

    rows: Callable[[], ChunkedQuerySet[Any]]
    apply: Callable[[QuerySet[Any]], Any]


#: The tracker's clock was a millisecond slow: a change that must not be made twice.
BACKFILLS = {
    "late_clock": Change(
        rows=lambda: Event.objects.order_by("pk"),
        apply=lambda part: part.update(duration_ms=F("duration_ms") + 1),
    ),
}


def begin(name: str) -> Backfill:
    """Return how far the backfill is, which begins with the first call."""
    change = BACKFILLS[name]  # a name that is none shall leave no record, which workers take up
    record, is_new = Backfill.objects.get_or_create(name=name)
    if is_new:
        record.total = change.rows().stream().estimate()
        record.save()
    return record


def run(name: str, **options: Any) -> Iterator[Backfill]:
    """Do the backfill from where it is, and yield how far it is after each chunk.

    `options` go to chunks(). What the caller breaks off, and what kills this process, leaves the
    work and the position as they were at the end of the last chunk.
    """
    change, record = BACKFILLS[name], begin(name)
    if record.is_finished:
        return
    for chunk in change.rows().chunks(after=record.position or None, **options):
        record = _step(change, chunk, record)
        yield record
    _finish(record)
    yield record


def _step(change: Change, chunk: Chunk[Any], known: Backfill) -> Backfill:
    """Change a chunk and save its position, both or neither."""
    with transaction.atomic():
        record = _locked(known)
        change.apply(chunk.queryset)
        record.position, record.rows = chunk.position, record.rows + len(chunk)
        record.save()
    return record


def _finish(known: Backfill) -> None:
    with transaction.atomic():
        record = _locked(known)
        record.is_finished = True
        record.save()
    known.is_finished = True


def _locked(known: Backfill) -> Backfill:
    """Lock the record, so that of two processes one sees what the other has done."""
    record = Backfill.objects.select_for_update().get(pk=known.pk)
    if record.position != known.position or record.is_finished:
        raise Overtaken(f"The backfill {known.name} is worked on by another process.")
    return record
