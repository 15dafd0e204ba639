"""A walk leaves no reference cycles: without the garbage collector, nothing of it stays."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chunkqs import chunks
from tests.support.iterables import Batches, Derived, Numbered, OwnIter
from tests.support.models import Event
from tests.support.rows import make

ROWS = 30
WALKS = 50

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


@contextmanager
def without_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def events() -> Any:
    return Event.objects.order_by("created_at")


def joined() -> Any:
    return events().select_related("user").values_list("user__name", "kind")


def by(iterable: Any) -> Any:
    queryset = events()
    queryset._iterable_class = iterable
    return queryset


STARTS: dict[str, Callable[[], Any]] = {
    "stream": lambda: events().stream(),
    "stream, several chunks": lambda: events().stream(chunk_size=10),
    "stream, values": lambda: joined().stream(),
    "stream().chunks": lambda: events().stream().chunks(10),
    "keyset_iter": lambda: events().keyset_iter(),
    "keyset_iter, several chunks": lambda: events().keyset_iter(chunk_size=10),
    "keyset_iter, values": lambda: joined().keyset_iter(chunk_size=10),
    "chunks": lambda: events().chunks(10),
    "stream, an iterable class": lambda: by(Numbered).stream(chunk_size=10),
    "keyset_iter, an iterable class": lambda: by(Numbered).keyset_iter(chunk_size=10),
    "keyset_iter, derived": lambda: by(Derived).keyset_iter(chunk_size=10),
    "chunks, an iterable class": lambda: by(Batches).chunks(10),
    "chunks, a queryset's own": lambda: chunks(OwnIter(Event), 10),
}


def finished(walk: Any) -> None:
    for _ in walk:
        pass


def broken_off(walk: Any) -> None:
    for _ in walk:
        break


def never_begun(walk: Any) -> None:
    iter(walk)


def raised_in(walk: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        for _ in walk:
            1 / 0  # noqa: B018


ENDS: dict[str, Callable[[Any], None]] = {
    "finished": finished,
    "broken off": broken_off,
    "never begun": never_begun,
    "raised in": raised_in,
}


def objects() -> Counter[str]:
    """Count the objects that the collector tracks, by their type."""
    found: Counter[str] = Counter()
    for kind, number in Counter(map(type, gc.get_objects())).items():
        found[f"{kind.__module__}.{kind.__qualname__}"] += number
    return found


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("start", STARTS)
def test_a_walk_leaves_no_garbage(start: str, end: str) -> None:
    for _ in range(5):  # fill what is cached once
        ENDS[end](STARTS[start]())
    with without_garbage_collector():
        before = objects()
        for _ in range(WALKS):
            ENDS[end](STARTS[start]())
        grown = objects() - before
    assert {name: n for name, n in grown.items() if n >= WALKS and is_ours(name)} == {}


def is_ours(name: str) -> bool:
    """Leave out the circles of Django's own that each of its connections is."""
    return name.startswith(("chunkqs", "django.db.models")) or "ompiler" in name
