"""Two pages that take a table of any size: ``stream()`` stands where a queryset would."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from chunkqs import ChunkedQuerySet

from .models import Event

COLUMNS = ("id", "created_at", "kind", "path", "country", "duration_ms", "amount", "user__name")


def event_list(request: HttpRequest) -> HttpResponse:
    """Show how many events there are, by the planner's estimate, and the latest of them."""
    events = _events(request).select_related("user").order_by("-pk").stream()
    return render(request, "events/list.html", {"events": events, "latest": events[:50]})


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
    events = Event.objects.all()
    if kind := request.GET.get("kind"):
        events = events.filter(kind=kind)
    return events
