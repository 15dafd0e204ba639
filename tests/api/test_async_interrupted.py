"""Coroutines that give up waiting for a row, and go on or are cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models import Func, TextField, Value

from chunkqs import chunks, keyset_iter, stream
from tests.support.leftovers import Leftovers
from tests.support.models import Event
from tests.support.rows import make

ROWS = 40
pytestmark = pytest.mark.django_db(transaction=True)
walks = pytest.mark.parametrize(
    "walk",
    [
        lambda queryset: stream(queryset, chunk_size=7),
        lambda queryset: keyset_iter(queryset, chunk_size=7),
    ],
)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


@contextmanager
def slow_queries(seconds: float) -> Iterator[None]:
    """Let every query of the default connection take so long, in its own thread."""

    def wait(execute: Any, *args: Any) -> Any:
        time.sleep(seconds)
        return execute(*args)

    with connection.execute_wrapper(wait):
        yield


def ordered() -> Any:
    return Event.objects.order_by("pk")


@walks
def test_a_wait_that_times_out_loses_no_row(walk: Any) -> None:
    async def patient() -> tuple[list[Any], int]:
        found, timeouts = [], 0
        iterator = aiter(walk(ordered()))
        while True:
            try:
                found.append(await asyncio.wait_for(anext(iterator), 0.01))
            except TimeoutError:
                timeouts += 1
            except StopAsyncIteration:
                return found, timeouts

    with slow_queries(0.05):
        found, timeouts = async_to_sync(patient)()
    assert found == list(ordered())
    assert timeouts


def test_the_position_names_what_was_handed_out_when_a_wait_was_cancelled() -> None:
    rows = keyset_iter(ordered(), chunk_size=7)

    async def impatient() -> int:
        seen = 0
        iterator = aiter(rows)
        for _ in range(14):
            await anext(iterator)
            seen += 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(iterator), 0.01)
        await asyncio.sleep(0.2)  # the fetch that was left has ended
        return seen

    with slow_queries(0.05):
        seen = async_to_sync(impatient)()
    rest = list(iter(keyset_iter(ordered(), after=rows.position)))
    assert rest == list(ordered())[seen:]


@walks
def test_a_task_cancelled_in_a_fetch_leaves_nothing_open(
    walk: Any, nothing_left_open: Leftovers
) -> None:
    async def cancelled() -> None:
        async def read() -> None:
            async for _ in walk(ordered()):
                pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with slow_queries(0.3):
        async_to_sync(cancelled)()
    nothing_left_open.check()


def test_a_coroutine_walks_under_a_progress_bar(capsys: Any) -> None:
    pytest.importorskip("tqdm")

    async def found() -> list[Any]:
        return [row async for row in keyset_iter(ordered(), chunk_size=7).progress()]

    assert async_to_sync(found)() == list(ordered())
    assert f"{ROWS}/{ROWS}" in capsys.readouterr().err


@pytest.mark.parametrize("total", [1, ROWS, 10 * ROWS])
def test_a_progress_bar_ends_at_the_true_number(
    total: int, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("chunkqs.lazy.estimate", lambda *args: total)
    assert [len(chunk) for chunk in chunks(ordered(), 15).progress()] == [15, 15, 10]
    last = capsys.readouterr().err.strip().rsplit("\r", 1)[-1]
    assert "100%" in last
    assert f"{ROWS}/{ROWS}" in last


@pytest.mark.database("postgresql", "mysql")
@walks
def test_a_task_that_is_cancelled_cancels_its_query_on_the_server(walk: Any) -> None:
    sleep = {"postgresql": "pg_sleep", "mysql": "SLEEP"}[connection.vendor]
    slow = ordered().annotate(slept=Func(Value(0.5), function=sleep, output_field=TextField()))

    async def cancelled() -> None:
        async def read() -> None:
            async for _ in walk(slow):
                pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    async_to_sync(cancelled)()
    Event.objects.count()  # waits for the thread, whose query would last for 3 seconds
    assert time.monotonic() - began < 2.5
