"""No URLs: a test of views has its own, by `pytest.mark.urls`."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
