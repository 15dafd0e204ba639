"""Behind pgbouncer in transaction pooling, with other clients that are busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections, transaction

from chunkqs import keyset_iter, stream
from tests.support.models import Event
from tests.support.rows import make

ROWS = 2500
CLIENTS = 5

pytestmark = [pytest.mark.database("postgresql"), pytest.mark.pgbouncer]


@pytest.fixture
def busy(through_pgbouncer: str) -> Iterator[str]:
    """Keep five other clients asking, so that pgbouncer hands each statement to another server."""
    make(Event, ROWS)
    done = threading.Event()

    def ask(connection: Any) -> None:
        while not done.is_set():
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM tests_event")

    with ExitStack() as at_the_end:
        for _ in range(CLIENTS):
            connection = connections[through_pgbouncer].copy()
            connection.inc_thread_sharing()
            connection.ensure_connection()
            at_the_end.callback(connection.close)
            client = threading.Thread(target=ask, args=[connection])
            at_the_end.callback(client.join)
            client.start()
        at_the_end.callback(done.set)
        yield through_pgbouncer


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
