"""The ways to walk a queryset: Django's own and chunkqs's, by the names that a caller writes.

Each takes any queryset, of a manager of ours or not, and how many rows to fetch at a time:
``None`` leaves that to the way, where it has an opinion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet

import chunkqs

#: Rows at a time where a way has no opinion: as many as .iterator() fetches.
CHUNK_SIZE = 2_000


@dataclass(frozen=True)
class Way:
    """From a queryset to rows, and what has to be open around the walk."""

    rows: Callable[[QuerySet[Any], int | None], Iterable[Any]]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def __call__(self, queryset: QuerySet[Any], chunk_size: int | None = None) -> Iterable[Any]:
        return self.rows(queryset, chunk_size)


def paginator_rows(queryset: QuerySet[Any], chunk_size: int | None) -> Iterator[Any]:
    ordered = queryset if queryset.ordered else queryset.order_by("pk")
    for page in Paginator(ordered, chunk_size or CHUNK_SIZE):
        yield from page.object_list


def chunk_rows(queryset: QuerySet[Any], chunk_size: int | None) -> Iterable[Any]:
    return chain.from_iterable(chunkqs.chunks(queryset, chunk_size))


def iterator_rows(queryset: QuerySet[Any], chunk_size: int | None) -> Iterable[Any]:
    return queryset.iterator(chunk_size or CHUNK_SIZE)


def stream_rows(queryset: QuerySet[Any], chunk_size: int | None) -> Iterable[Any]:
    return chunkqs.stream(queryset, chunk_size=chunk_size)


def keyset_rows(queryset: QuerySet[Any], chunk_size: int | None) -> Iterable[Any]:
    return chunkqs.keyset_iter(queryset, chunk_size=chunk_size)


DJANGO: dict[str, Way] = {
    ".all()": Way(lambda queryset, chunk_size: queryset.all()),
    ".iterator()": Way(iterator_rows),
    "Paginator": Way(paginator_rows),
}
OURS: dict[str, Way] = {
    "stream()": Way(stream_rows),
    "keyset_iter()": Way(keyset_rows),
    "chunks()": Way(chunk_rows),
}
IN_ATOMIC: dict[str, Way] = {
    ".iterator() in atomic()": Way(iterator_rows, transaction.atomic),
    "stream() in atomic()": Way(stream_rows, transaction.atomic),
}
#: The six that are compared. A chunk then has as many rows as .iterator() fetches.
WAYS: dict[str, Way] = {
    **DJANGO,
    **OURS,
    "chunks()": Way(lambda queryset, chunk_size: chunk_rows(queryset, chunk_size or CHUNK_SIZE)),
}
