"""A large result that takes the slow way says so, once for each reason, at the caller's line."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, connections
from django.db.models import QuerySet
from django.test import override_settings

from chunkqs import SlowStartWarning, stream
from chunkqs.settings import MAX_PRIVATE_CONNECTIONS
from chunkqs.sources import slow_start_warning
from tests.support.leftovers import Leftovers
from tests.support.models import Event
from tests.support.private import run
from tests.support.rows import make

server = pytest.mark.database("postgresql", "mysql")

#: More than any first chunk.
ROWS = 2500


@pytest.fixture(scope="module")
def rows(committed_db: None) -> None:
    make(Event, ROWS)
    run("ANALYZE tests_event" if connection.vendor == "postgresql" else "ANALYZE TABLE tests_event")


@pytest.fixture
def events(rows: None) -> Iterator[QuerySet[Event]]:
    """Yield a query that has no order to be read by, so that it is slow on MariaDB as well."""
    slow_start_warning.forget()
    connection.close()
    connection.ensure_connection()
    yield Event.objects.order_by("?")
    connection.close()
    slow_start_warning.forget()


def warned(work: Callable[[], Any]) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [one for one in caught if one.category is SlowStartWarning]


def walk(queryset: Any, **options: Any) -> None:
    assert len(list(iter(stream(queryset, **options)))) == ROWS


def none_allowed() -> Any:
    return override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 0})


@server
def test_the_warning_stands_at_the_line_of_the_loop(events: QuerySet[Event]) -> None:
    with none_allowed(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        for _ in stream(events):
            pass
    (one,) = [one for one in caught if one.category is SlowStartWarning]
    assert (one.filename, one.lineno) == (__file__, line)


@server
def test_the_warning_says_what_why_and_what_to_do(events: QuerySet[Event]) -> None:
    with none_allowed():
        (one,) = warned(lambda: walk(events))
    text = str(one.message)
    assert text.startswith("stream() of tests.Event starts slowly")
    assert "no more private connections for 'default' than 0" in text
    assert "MAX_PRIVATE_CONNECTIONS" in text
    assert "keyset_iter()" in text


@server
def test_each_reason_is_given_once(events: QuerySet[Event]) -> None:
    with none_allowed():
        assert len(warned(lambda: walk(events))) == 1
        assert warned(lambda: walk(events)) == []
    connection.inc_thread_sharing()
    try:
        (one,) = warned(lambda: walk(events))
    finally:
        connection.dec_thread_sharing()
    assert "shared between threads" in str(one.message)


@pytest.mark.database("postgresql")
def test_whole_results_in_memory_are_called_that(
    events: QuerySet[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    with none_allowed():
        (one,) = warned(lambda: walk(events))
    assert "reads the whole result into memory" in str(one.message)


@server
@pytest.mark.parametrize(
    "quiet",
    [
        lambda events: walk(events),
        lambda events: walk(events, private=False),
        lambda events: list(iter(stream(events[:10]))),
        lambda events: list(iter(stream(events.none()))),
    ],
    ids=["a private connection", "private=False", "a small result", "no result"],
)
def test_there_is_no_warning_of(quiet: Callable[[Any], Any], events: QuerySet[Event]) -> None:
    assert warned(lambda: quiet(events)) == []


@server
def test_a_small_result_without_a_place_warns_of_nothing(events: QuerySet[Event]) -> None:
    with none_allowed():
        assert warned(lambda: list(iter(stream(events[:10])))) == []


@pytest.mark.database("mysql")
def test_a_walk_by_keyset_in_place_of_a_stream_is_not_slow(events: QuerySet[Event]) -> None:
    with none_allowed():
        assert warned(lambda: walk(events.order_by("pk"))) == []


@server
def test_who_insists_is_told_that_there_is_no_place(events: QuerySet[Event]) -> None:
    with none_allowed(), pytest.raises(OperationalError, match="MAX_PRIVATE_CONNECTIONS"):
        walk(events, private=True)


@server
def test_the_warning_comes_out_of_an_async_loop_too(events: QuerySet[Event]) -> None:
    async def loop() -> None:
        async for _ in stream(events):
            pass
        await sync_to_async(connections.close_all)()

    with none_allowed():
        (one,) = warned(lambda: asyncio.run(loop()))
    assert one.filename == __file__


@server
def test_a_closed_stream_gives_its_place_back(
    events: QuerySet[Event], nothing_left_open: Leftovers
) -> None:
    with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 1}):
        for _ in range(3):
            for _ in stream(events, private=True):
                break
            with stream(events, private=True) as rows:
                next(iter(rows))


@server
def test_many_async_streams_hold_no_more_connections_than_they_may(
    events: QuerySet[Event], nothing_left_open: Leftovers
) -> None:
    """Each is in the midst of its rows when the backends are counted."""

    async def several() -> int:
        streams = [stream(events.order_by("pk")) for _ in range(20)]
        iterators = [aiter(rows) for rows in streams]
        for iterator in iterators:
            await anext(iterator)
        held = await sync_to_async(nothing_left_open.new_now)()
        for iterator in iterators:
            assert len([row async for row in iterator]) == ROWS - 1
        await sync_to_async(connections.close_all)()
        return len(held)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SlowStartWarning)
        # The threads' own connection, and as many private ones as are allowed.
        assert asyncio.run(several()) <= 1 + MAX_PRIVATE_CONNECTIONS
