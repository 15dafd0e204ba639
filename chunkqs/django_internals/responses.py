"""Which request a response answers, as far as Django's documentation leaves that out."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase


# Django 5.2, 6.0, 6.1: get_response() and get_response_async() of the handler append the
# request's close() to what the response closes.
def method_of(response: HttpResponseBase) -> str | None:
    """Return the method of the request that `response` answers; None before it is known."""
    closers: list[Any] = response._resource_closers  # type: ignore[attr-defined]
    for closer in closers:
        request = getattr(closer, "__self__", None)
        if isinstance(request, HttpRequest):
            return request.method
    return None
