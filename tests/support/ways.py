"""The three walks of chunkqs under one signature, and Django's own to compare them with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from tools.ways import OURS, Way

Walk = Callable[[QuerySet[Any], int | None], list[Any]]


def listed(way: Way) -> Walk:
    """Collect the rows without the COUNT that `list()` of a sized iterable asks for."""
    return lambda queryset, chunk_size: list(iter(way(queryset, chunk_size)))


WALKS: dict[str, Walk] = {name.removesuffix("()"): listed(way) for name, way in OURS.items()}

#: With and without a transaction of the caller's: `stream()` takes another way in each.
TRANSACTIONS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autocommit": nullcontext,
    "atomic": transaction.atomic,
}

#: One row, a few that do not divide the number of rows, and chunkqs's own choice.
CHUNK_SIZES = [1, 7, None]


def by_django(queryset: QuerySet[Any]) -> list[Any]:
    """Iterate as Django does, over a clone: nothing is kept on `queryset`."""
    return list(queryset.all())
