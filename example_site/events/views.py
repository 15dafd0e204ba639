"""Pages that take a table of any size."""

from __future__ import annotations

from django.db.models import F
from django.http import HttpRequest

from chunkqs import ChunkedQuerySet, KeysetListView
from chunkqs.export import Export
from chunkqs.http import ExportResponse

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


def event_export(request: HttpRequest, form: str) -> ExportResponse:
    """Send all the events, as CSV, NDJSON or Parquet: the first byte at once, memory flat."""
    rows = _events(request).values(*COLUMNS).stream()
    export: Export = getattr(rows, form)()
    return ExportResponse(export, filename=f"events.{form}")


async def event_export_async(request: HttpRequest, form: str) -> ExportResponse:
    """Do the same in an async view: nothing else changes."""
    return event_export(request, form)


def _events(request: HttpRequest) -> ChunkedQuerySet[Event]:
    return Event.objects.of_kind(request.GET.get("kind"))
