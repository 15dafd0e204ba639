"""What `prefetch_related()` asks for, chunk by chunk."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, prefetch_related_objects

from ..django_internals.queries import prefetch_lookups


def prefetch(rows: list[Any], queryset: QuerySet[Any, Any]) -> None:
    """Fetch for all of `rows` what their queryset prefetches: a query or more for each lookup."""
    if lookups := prefetch_lookups(queryset):
        prefetch_related_objects(rows, *lookups)
