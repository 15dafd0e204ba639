"""Clocks of the server that would count the caller's loop stand still in a private session."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import connection

from chunkqs import stream
from tests.support.models import Event
from tests.support.private import run
from tests.support.rows import make

#: More than any first chunk, and than the server sends before the loop has taken some.
ROWS = 20_000
SECONDS = 1

CLOCKS = {
    "idle_in_transaction_session_timeout": "SET idle_in_transaction_session_timeout = '500ms'",
    "transaction_timeout": "SET transaction_timeout = '500ms'",
    "max_statement_time": "SET max_statement_time = 0.5",
    "max_execution_time": "SET max_execution_time = 500",
}


@pytest.fixture(scope="module")
def rows(committed_db: None) -> None:
    make(Event, ROWS)
    run("ANALYZE tests_event" if connection.vendor == "postgresql" else "ANALYZE TABLE tests_event")


@pytest.fixture
def session(rows: None) -> Iterator[None]:
    connection.close()
    yield
    connection.close()


KNOWN = {
    "postgresql": "SELECT name FROM pg_settings",
    "mysql": "SHOW SESSION VARIABLES",
}


@pytest.mark.database("postgresql", "mysql")
@pytest.mark.parametrize("read_ahead", [True, False])
def test_a_slow_loop_gets_every_row(session: None, read_ahead: bool) -> None:
    known = {name for name, *_ in run(KNOWN[connection.vendor])}
    clocks = [sql for name, sql in CLOCKS.items() if name in known]
    assert clocks
    run(*clocks)
    seen = 0
    for _ in stream(Event.objects.all(), private=True, read_ahead=read_ahead, chunk_size=1000):
        if seen in (0, 1500):
            time.sleep(SECONDS)
        seen += 1
    assert seen == ROWS
