"""Behind pgbouncer in transaction pooling, with other clients that are busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections, transaction

from chunkqs import keyset_iter, stream
from tests.models import Event
from tests.rows import make

ROWS = 2500
CLIENTS = 5

pytestmark = [pytest.mark.database("postgresql"), pytest.mark.pgbouncer]


@pytest.fixture
def busy(through_pgbouncer: str) -> Iterator[str]:
    """Keep five other clients asking, so that pgbouncer hands each statement to another server."""
    make(Event, ROWS)
    done = threading.Event()

    def ask() -> None:
        connection = connections[through_pgbouncer].copy()
        while not done.is_set():
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM tests_event")
        connection.close()

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    yield through_pgbouncer
    done.set()
    for client in clients:
        client.join()


@pytest.mark.parametrize("disabled", [True, False])
@pytest.mark.parametrize("walk", [stream, keyset_iter])
def test_walks_behind_pgbouncer(walk: Any, disabled: bool, busy: str) -> None:
    connections[busy].settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = disabled
    events = Event.objects.using(busy).order_by("pk")
    expected = list(events)
    assert len(expected) == ROWS
    assert list(iter(walk(events, chunk_size=100))) == expected
    with transaction.atomic(using=busy):
        assert list(iter(walk(events, chunk_size=100))) == expected
