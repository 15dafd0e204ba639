"""Downloads, by sync and async views."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Value
from django.http import HttpRequest, HttpResponse
from django.urls import path

from chunkqs import stream
from chunkqs.http import ExportResponse
from tests.http import plain
from tests.support.models import User


def rows(request: HttpRequest) -> Any:
    queryset = User.objects.order_by("pk")
    if "wide" in request.GET:
        queryset = queryset.annotate(padding=Value(plain.PADDING))
    if "slow" in request.GET:
        queryset = queryset.annotate(slow=plain.SLOW)
    return stream(queryset)


def download(request: HttpRequest) -> ExportResponse:
    form = request.GET.get("form", "csv")
    return ExportResponse(getattr(rows(request), form)(), filename=f"Bücher ☃.{form}")


@transaction.non_atomic_requests
async def async_download(request: HttpRequest) -> ExportResponse:
    return ExportResponse(rows(request).csv(), filename="users.csv")


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


urlpatterns = [
    path("download", download),
    path("async", async_download),
    path("hello", hello),
    *plain.urlpatterns,
]
