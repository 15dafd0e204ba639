"""How many rows are built at a time: a whole chunk, or a few."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from ..django_internals.queries import prefetch_lookups
from ..django_internals.row_loading import ModelIterable, iterable_class_of, tracks_peers

#: Hydrate 100 instances at a time: they stay in the CPU cache and don't trigger a collection.
INSTANCES = 100
#: A dictionary or a tuple is one new object, or none where it is the raw row itself.
VALUES = 500


def takes_whole_chunks(queryset: QuerySet[Any, Any], *, is_chunked: bool) -> bool:
    """Return whether all rows of a chunk are built together.

    They are where it is handed over as such, where it is prefetched for, and where its rows
    fetch deferred values for each other.
    """
    return is_chunked or bool(prefetch_lookups(queryset)) or tracks_peers(queryset)


def few(queryset: QuerySet[Any, Any]) -> int:
    """Return how many rows to build at a time where they are no whole chunk."""
    return INSTANCES if issubclass(iterable_class_of(queryset), ModelIterable) else VALUES
