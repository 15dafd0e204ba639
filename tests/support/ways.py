"""The three walks of chunkqs under one signature, and Django's own to compare them with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

import chunkqs

Walk = Callable[[QuerySet[Any], int | None], list[Any]]


def by_stream(queryset: QuerySet[Any], chunk_size: int | None) -> list[Any]:
    return list(iter(chunkqs.stream(queryset, chunk_size=chunk_size)))


def by_keyset(queryset: QuerySet[Any], chunk_size: int | None) -> list[Any]:
    return list(iter(chunkqs.keyset_iter(queryset, chunk_size=chunk_size)))


def by_chunks(queryset: QuerySet[Any], chunk_size: int | None) -> list[Any]:
    return [row for chunk in chunkqs.chunks(queryset, chunk_size) for row in chunk]


WALKS: dict[str, Walk] = {"stream": by_stream, "keyset_iter": by_keyset, "chunks": by_chunks}

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
