"""The rows that are streamed."""

from __future__ import annotations

from django.db.models import QuerySet

from chunkqs import LazyRows, stream
from tests.support.models import Event

ROWS = 300
#: Fewer rows than there are, so that a stream of all of them is a large one.
SIZE = 50


def events() -> QuerySet[Event]:
    return Event.objects.order_by("pk")


def large() -> LazyRows[Event]:
    return stream(events(), chunk_size=SIZE)


def copied(event: Event) -> Event:
    event.pk = None
    return event
