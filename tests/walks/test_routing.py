"""A router that picks a database for reading is asked once a walk, and obeyed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from django.test.utils import override_settings

from chunkqs import chunks, keyset_iter, stream
from tests.support.models import Event
from tests.support.rows import make
from tests.support.ways import WALKS

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica"])


class Replicas:
    """Picks another database each time that it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.aliases = cycle(["replica", "default"])

    def db_for_read(self, model: Any, **hints: Any) -> str:
        self.asked.append(next(self.aliases))
        return self.asked[-1]


@pytest.fixture
def replicas(transactional_db: None) -> Iterator[Replicas]:
    make(Event, 60)
    router = Replicas()
    with override_settings(DATABASE_ROUTERS=[router]):
        yield router


def events() -> Any:
    return Event.objects.select_related("user").order_by("status", "pk")


@pytest.mark.parametrize("chunk_size", [7, None])
@pytest.mark.parametrize("walk", WALKS)
def test_a_router_is_asked_once_a_walk(
    replicas: Replicas, walk: str, chunk_size: int | None
) -> None:
    for number in range(1, 4):
        rows = WALKS[walk](events(), chunk_size)
        assert len(replicas.asked) == number
        assert {row._state.db for row in rows} == {replicas.asked[-1]}


@pytest.mark.parametrize("start", [stream, keyset_iter, chunks])
def test_a_router_is_not_asked_before_the_walk_begins(replicas: Replicas, start: Any) -> None:
    walk = start(events())
    assert replicas.asked == []
    for number in range(1, 4):
        for _ in walk:
            pass
        assert len(replicas.asked) == number


def test_what_is_written_to_a_chunk_goes_where_the_router_says(replicas: Replicas) -> None:
    for chunk in chunks(events(), 7):
        assert chunk.queryset._db is None
        assert chunk.position
    assert len(replicas.asked) == 1


def test_a_router_is_not_asked_where_the_caller_has_chosen(replicas: Replicas) -> None:
    for walk in WALKS.values():
        assert {row._state.db for row in walk(events().using("replica"), 7)} == {"replica"}
    assert replicas.asked == []
