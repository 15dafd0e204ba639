"""Pages that take a table of any size."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.db.models import F
from django.http import HttpRequest, StreamingHttpResponse

from chunkqs import ChunkedQuerySet, KeysetListView

from .models import Event

COLUMNS = ("id", "created_at", "kind", "path", "country", "duration_ms", "amount", "user__name")


#: The orders that the list offers, each with an index.
ORDERS = {
    "newest": ["-created_at", "-pk"],
    "oldest": ["created_at", "pk"],
    "dearest": [F("amount").desc(nulls_last=True), "-pk"],
}


class EventList(KeysetListView):
    """The events of a kind, in an order of the visitor's: one query a page, and no count."""

    model = Event
    paginate_by = 50
    template_name = "events/list.html"
    extra_context = {"kinds": Event.Kind, "orders": ORDERS}

    def get_queryset(self) -> ChunkedQuerySet[Event]:
        order = ORDERS.get(self.request.GET.get("order", ""), ORDERS["newest"])
        return _events(self.request).select_related("user").order_by(*order)


def event_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Send all the events as CSV, the first line at once, a constant amount of memory held."""
    lines = _csv_lines(_events(request))
    headers = {"Content-Disposition": 'attachment; filename="events.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv", headers=headers)


def _csv_lines(events: ChunkedQuerySet[Event]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    with events.values_list(*COLUMNS).stream() as rows:
        for row in rows:
            yield writer.writerow(row)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _events(request: HttpRequest) -> ChunkedQuerySet[Event]:
    return Event.objects.of_kind(request.GET.get("kind"))
