"""LazyRows in coroutines, and what is left of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from chunkqs import (
    stream,
)
from tests.api.lazy.walks import ROWS, both, ordered, run
from tests.support.leftovers import Leftovers, open_cursors
from tests.support.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@both
def test_a_coroutine_walks_the_same_rows(walk: Any) -> None:
    async def rows() -> list[Event]:
        return [row async for row in walk(ordered(), chunk_size=7)]

    assert run(rows()) == list(ordered())


@both
def test_a_coroutine_counts(walk: Any) -> None:
    assert run(walk(ordered()).acount()) == ROWS


@both
def test_a_coroutine_that_leaves_early_leaves_nothing_open(
    walk: Any, nothing_left_open: Leftovers
) -> None:
    async def first() -> Event:
        async with walk(ordered(), chunk_size=7) as rows:
            async for row in rows:
                return row
        raise AssertionError("there are rows")

    assert run(first()) == ordered()[0]


@both
def test_breaking_out_of_an_async_for_leaves_nothing_open(
    walk: Any, nothing_left_open: Leftovers
) -> None:
    async def walk_a_little() -> None:
        async for _ in walk(ordered(), chunk_size=7):
            break

    run(walk_a_little())


@both
@pytest.mark.parametrize("way_out", ["break", "exception", "with", "cancelled"])
def test_an_async_for_that_is_left_is_closed_although_the_rows_have_a_name(
    walk: Any, way_out: str, nothing_left_open: Leftovers
) -> None:
    rows = walk(ordered(), chunk_size=7)

    async def leave() -> None:
        async for _ in rows:
            if way_out == "exception":
                raise KeyError("of the caller's")
            if way_out == "cancelled":
                raise asyncio.CancelledError
            break

    async def walk_a_little() -> None:
        if way_out == "with":
            async with rows:
                await leave()
        else:
            with suppress(KeyError, asyncio.CancelledError):
                await leave()

    run(walk_a_little())
    nothing_left_open.check()
    assert repr(rows)  # has been held until now


@both
def test_a_held_async_iterator_is_closed_by_the_rows(
    walk: Any, nothing_left_open: Leftovers
) -> None:
    rows = walk(ordered(), chunk_size=7)

    async def hold() -> Any:
        iterator = aiter(rows)
        await anext(iterator)
        await rows.aclose()
        return iterator

    iterator = run(hold())
    nothing_left_open.check()
    assert iterator is not None


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("ended", [False, True])
def test_dropping_rows_of_a_transaction_in_an_event_loop_is_no_error(
    ended: bool, nothing_left_open: Leftovers
) -> None:
    unraisable: list[Any] = []

    async def walk_a_little(rows: Any) -> None:
        iterator = aiter(rows)
        await anext(iterator)
        if ended:
            await sync_to_async(transaction.rollback)()
        del iterator

    async def drop() -> None:
        await sync_to_async(transaction.set_autocommit)(False)
        await walk_a_little(stream(ordered(), chunk_size=7))
        assert await sync_to_async(open_cursors)() == []
        await sync_to_async(transaction.rollback)()
        await sync_to_async(transaction.set_autocommit)(True)

    with catch_unraisable(unraisable):
        run(drop())
    assert unraisable == []


@contextmanager
def catch_unraisable(caught: list[Any]) -> Iterator[None]:
    hook, sys.unraisablehook = sys.unraisablehook, caught.append
    try:
        yield
    finally:
        sys.unraisablehook = hook


@both
def test_a_cancelled_task_leaves_nothing_open(walk: Any, nothing_left_open: Leftovers) -> None:
    begun = asyncio.Event()

    async def walk_slowly() -> None:
        async for _ in walk(ordered(), chunk_size=7):
            begun.set()
            await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(walk_slowly())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancel())


def test_two_tasks_cannot_take_rows_from_each_other() -> None:
    async def take_both() -> list[Any]:
        async with stream(ordered(), chunk_size=7) as rows:
            iterator = aiter(rows)
            both = asyncio.gather(anext(iterator), anext(iterator), return_exceptions=True)
            return list(await both)

    first, second = run(take_both())
    assert first == ordered()[0]
    assert isinstance(second, RuntimeError)
