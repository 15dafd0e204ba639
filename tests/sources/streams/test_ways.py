"""Which way a stream takes, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import (
    connection,
    connections,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from chunkqs import stream
from chunkqs.databases import database_of
from tests.sources.streams.walks import ROWS, events, large
from tests.support.leftovers import Leftovers, backends

server = pytest.mark.database("postgresql", "mysql")
pytestmark = pytest.mark.django_db(transaction=True)


@server
def test_a_large_stream_runs_on_a_connection_of_its_own(nothing_left_open: Leftovers) -> None:
    iterator = iter(large())
    next(iterator)
    assert len(backends() - nothing_left_open.before) == 1
    del iterator


@server
def test_a_small_result_costs_an_explain_and_a_query_and_no_connection(
    nothing_left_open: Leftovers,
) -> None:
    with CaptureQueriesContext(connection) as queries:
        iterator = iter(events().filter(pk__in=[event.pk for event in events()[:10]]).stream())
        next(iterator)
        seen = len(queries)
        assert backends() == nothing_left_open.before
    assert seen == 3  # one is this test's own, for the keys
    assert len(list(iterator)) == 9


@server
def test_a_small_slice_costs_one_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert len(list(iter(events()[20:30].stream()))) == 10
    assert len(queries) == 1


@server
def test_a_wrong_estimate_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    database = type(database_of(connection))
    explain = database.explain

    def modest(*args: Any) -> Any:
        explanation = explain(*args)
        return explanation and explanation._replace(rows=1)

    monkeypatch.setattr(database, "explain", modest)
    assert list(iter(large())) == list(events())


def test_bytes_and_lists_are_weighed_whole() -> None:
    from chunkqs.sources.sizing import row_bytes

    assert row_bytes([(memoryview(bytes(1_000_000)),)]) > 1_000_000
    assert row_bytes([([["x" * 1000] * 10],)]) > 10_000


@pytest.mark.database("postgresql")
def test_streams_work_with_server_side_cursors_disabled(settings: Any) -> None:
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
    try:
        assert list(iter(large())) == list(events())
        with transaction.atomic():
            assert list(iter(large())) == list(events())
        assert list(iter(stream(events(), private=False))) == list(events())
    finally:
        connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = False


def test_a_closed_connection_is_opened_again_as_django_does() -> None:
    connections["default"].close()
    assert len(list(iter(large()))) == ROWS


def test_a_stream_of_no_rows_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert list(iter(stream(events().none()))) == []
        assert list(iter(stream(events().filter(pk__in=[])))) == []
    assert len(queries) == 0
