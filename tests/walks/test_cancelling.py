"""A walk that another thread closes: what it waits for ends, whenever that begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models.expressions import RawSQL

from chunkqs import chunks, keyset_iter, stream
from tests.support.models import Event
from tests.support.rows import make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]

SLEEPS = 60


@pytest.fixture
def slow(transactional_db: None) -> Any:
    """Rows that take a minute each."""
    make(Event, 3)
    slept = RawSQL(
        f"(SELECT pg_sleep({SLEEPS} + kind_length) FROM (SELECT length(kind)"
        " AS kind_length) AS one)::text",
        [],
    )
    return Event.objects.annotate(slept=slept).order_by("pk")


class ClosedBefore:
    """Closes `rows` from another thread, just before the query that takes long is sent."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.is_sent = False

    def __call__(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "pg_sleep" in sql and "EXPLAIN" not in sql:
            closing = threading.Thread(target=self._rows.close)
            closing.start()
            closing.join()
            self.is_sent = True
        return execute(sql, *rest)


WALKS: dict[str, Callable[[Any], Any]] = {
    "keyset_iter": lambda rows: keyset_iter(rows),
    "chunks": lambda rows: chunks(rows, 2),
    "a small result": lambda rows: stream(rows),
    "a cursor": lambda rows: stream(rows, private=False, chunk_size=1),
}


@pytest.mark.parametrize("walk", WALKS)
def test_a_query_that_begins_after_the_walk_was_closed_is_cancelled(walk: str, slow: Any) -> None:
    rows = WALKS[walk](slow)
    closed = ClosedBefore(rows)
    began = time.monotonic()
    with connection.execute_wrapper(closed), pytest.raises(OperationalError, match="cancel"):
        next(iter(rows))
    assert closed.is_sent
    assert time.monotonic() - began < SLEEPS / 2
    time.sleep(0.3)  # a request too many would meet these
    assert [Event.objects.count() for _ in range(20)] == [3] * 20
