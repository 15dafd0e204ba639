"""The ways to walk a table that are compared: ours and Django's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.core.paginator import Paginator
from django.db import transaction

from . import peers

#: Rows in a chunk where the caller has to choose: as many as .iterator() fetches.
CHUNK = 2_000

Rows = Callable[[Any], Iterable[Any]]
IN_ATOMIC = ".iterator() in atomic()"
AUTOCOMMIT = ".iterator()"
RAW = "driver's cursor"
COPY = "COPY to nowhere"


@dataclass(frozen=True)
class Way:
    """From a queryset to rows, and what has to be open around the walk."""

    rows: Rows
    around: Callable[[], AbstractContextManager[Any]] = nullcontext


def pages(queryset: Any) -> Iterable[Any]:
    paginator = Paginator(queryset.order_by("pk"), CHUNK)
    return chain.from_iterable(page.object_list for page in paginator)


def chunked(queryset: Any) -> Iterable[Any]:
    return chain.from_iterable(queryset.chunks(CHUNK))


WAYS: dict[str, Way] = {
    ".all()": Way(lambda queryset: queryset.all()),
    AUTOCOMMIT: Way(lambda queryset: queryset.iterator()),
    IN_ATOMIC: Way(lambda queryset: queryset.iterator(), transaction.atomic),
    "Paginator": Way(pages),
    "django-chunkator": Way(peers.chunkator_rows),
    "SQLAlchemy yield_per": Way(peers.sqlalchemy_rows),
    RAW: Way(peers.cursor_rows),
    COPY: Way(peers.copied_rows),
    "stream()": Way(lambda queryset: queryset.stream()),
    "stream() in atomic()": Way(lambda queryset: queryset.stream(), transaction.atomic),
    "stream(read_ahead=False)": Way(lambda queryset: queryset.stream(read_ahead=False)),
    "stream(read_ahead=True)": Way(lambda queryset: queryset.stream(read_ahead=True)),
    "keyset_iter()": Way(lambda queryset: queryset.keyset_iter()),
    "chunks()": Way(chunked),
}
