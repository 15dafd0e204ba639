"""LazyRows and LazyChunks in the place of a queryset."""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL
from django.db.models.query import ModelIterable
from django.template import Context, Engine
from django.test.utils import CaptureQueriesContext

from chunkqs import (
    Chunk,
    KeysetError,
    LazyChunks,
    LazyRows,
    StreamInterrupted,
    chunks,
    keyset_iter,
    stream,
)
from tests.support.leftovers import Leftovers, open_cursors
from tests.support.models import Event
from tests.support.rows import another, make

ROWS = 30

pytestmark = pytest.mark.django_db(transaction=True)
both = pytest.mark.parametrize("walk", [stream, keyset_iter])


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run `coroutine`, and close the connection that Django's thread has opened for it."""

    async def main() -> Any:
        try:
            return await coroutine
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(main())


def ordered() -> Any:
    return Event.objects.order_by("-created_at", "pk")


def queries() -> CaptureQueriesContext:
    return CaptureQueriesContext(connection)


@both
def test_making_and_showing_lazy_rows_asks_nothing(walk: Any) -> None:
    with queries() as asked:
        rows = walk(ordered())
        assert repr(rows) == f"<LazyRows: {walk.__name__}() of tests.Event>"
        assert isinstance(rows, LazyRows)
        iter(rows)
    assert len(asked) == 0


@both
def test_every_iter_is_a_fresh_run(walk: Any) -> None:
    rows = walk(ordered(), chunk_size=7)
    first, second = iter(rows), iter(rows)
    next(first)
    expected = list(ordered())
    assert list(second) == expected
    assert list(first) == expected[1:]
    assert list(iter(rows)) == expected


@both
def test_len_counts_once_in_a_walk_and_again_outside_of_it(walk: Any) -> None:
    rows = walk(ordered())
    assert len(rows) == ROWS
    iterator = iter(rows)
    last = next(iterator)
    with queries() as asked:
        assert len(rows) == rows.count() == ROWS
    assert len(asked) == 1
    assert "COUNT" in asked[0]["sql"]
    list(iterator)
    ordered().filter(pk=last.pk).delete()
    assert len(rows) == ROWS - 1


@both
def test_bool_asks_whether_there_is_any_row(walk: Any) -> None:
    with queries() as asked:
        assert walk(ordered())
        assert not walk(ordered().filter(kind="none of this kind"))
    assert len(asked) == 2
    assert all("LIMIT 1" in query["sql"] for query in asked)


@both
def test_an_index_and_a_slice_are_queries_of_their_own(walk: Any) -> None:
    rows, expected = walk(ordered()), list(ordered())
    with queries() as asked:
        assert rows[5] == expected[5]
        assert list(rows[10:20]) == expected[10:20]
    assert len(asked) == 2
    with pytest.raises(ValueError, match="Negative indexing"):
        rows[-1]
    with pytest.raises(IndexError):
        rows[ROWS]


@both
def test_reversed_walks_from_the_other_end(walk: Any) -> None:
    rows = walk(ordered(), chunk_size=4)
    assert list(reversed(rows)) == list(reversed(ordered()))


def test_reversed_without_an_order_goes_by_key_or_says_so() -> None:
    assert list(reversed(keyset_iter(Event.objects.all()))) == list(Event.objects.order_by("-pk"))
    with pytest.raises(TypeError, match="order_by"):
        reversed(stream(Event.objects.all()))


@both
def test_the_estimate_is_close_after_analyze(walk: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}{Event._meta.db_table}"
        )
    assert ROWS / 2 <= walk(Event.objects.all()).estimate() <= ROWS * 2
    assert walk(Event.objects.none()).estimate() == 0


@both
def test_lazy_rows_serve_a_template(walk: Any) -> None:
    template = Engine().from_string(
        "{% for e in rows %}{{ forloop.revcounter }},{{ e.pk }};{% endfor %}"
    )
    expected = template.render(Context({"rows": ordered()}))
    assert template.render(Context({"rows": walk(ordered())})) == expected


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
def test_rows_refuse_to_be_pickled_with_a_reason(walk: Any) -> None:
    for rows in (walk(ordered()), walk(ordered()).chunks(5)):
        with pytest.raises(TypeError, match="position of keyset_iter"):
            pickle.dumps(rows)


def test_a_chunk_of_ones_own_has_no_position() -> None:
    chunk = Chunk([1, 2])
    assert chunk.number == 0
    with pytest.raises(KeysetError, match="from chunks"):
        _ = chunk.position
    with pytest.raises(KeysetError, match="from chunks"):
        _ = chunk.queryset


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


def test_another_thread_ends_a_walk(nothing_left_open: Leftovers) -> None:
    rows = stream(ordered(), chunk_size=1)
    seen = 0
    with pytest.raises(StreamInterrupted, match="ended early"):
        for _ in rows:
            seen += 1
            closer = threading.Thread(target=rows.close)
            closer.start()
            closer.join()
    assert seen == 1


class EveryOther(ModelIterable):
    """An iterable class that leaves rows out."""

    def __iter__(self) -> Iterator[Any]:
        return itertools.islice(super().__iter__(), 0, None, 2)


def test_the_position_is_safe_where_an_iterable_class_leaves_rows_out() -> None:
    queryset = Event.objects.order_by("pk")
    queryset._iterable_class = EveryOther
    rows = keyset_iter(queryset, chunk_size=10)
    seen = set()
    for row in rows:
        seen.add(row)
        if len(seen) == 8:
            break
    rest = set(keyset_iter(queryset, chunk_size=10, after=rows.position))
    assert len(seen | rest) == ROWS / 2


def test_a_coroutine_goes_on_behind_a_chunk_without_rows() -> None:
    queryset = Event.objects.order_by("pk")
    queryset._iterable_class = Last

    async def found() -> list[Any]:
        return [row async for row in keyset_iter(queryset, chunk_size=10)]

    assert run(found()) == [Event.objects.order_by("pk").last()]


class Last(ModelIterable):
    """An iterable class that knows one row alone."""

    def __iter__(self) -> Iterator[Any]:
        last = Event.objects.order_by("pk").last()
        return (row for row in super().__iter__() if row == last)


@both
def test_progress_shows_a_bar_and_yields_the_rows(walk: Any, capsys: Any) -> None:
    pytest.importorskip("tqdm")
    assert list(walk(ordered()).progress()) == list(ordered())
    assert "rows" in capsys.readouterr().err


def test_a_bar_that_has_a_name_holds_nothing_open_after_break(
    nothing_left_open: Leftovers,
) -> None:
    pytest.importorskip("tqdm")
    bar: Any = stream(ordered(), chunk_size=7).progress()
    for _ in bar:
        break
    nothing_left_open.check()


def test_the_position_is_that_of_the_last_row_handed_out() -> None:
    expected = list(ordered())
    rows = keyset_iter(ordered(), chunk_size=7)
    assert rows.position is None
    for number, row in enumerate(rows):
        assert row == expected[number]
        rest = keyset_iter(ordered(), chunk_size=3, after=rows.position)
        assert list(iter(rest)) == expected[number + 1 :]
        assert len(rest) == ROWS - number - 1
    assert list(iter(keyset_iter(ordered(), after=rows.position))) == []


def test_the_position_outlives_an_exception_in_the_loop() -> None:
    rows = keyset_iter(ordered(), chunk_size=7)
    with pytest.raises(ZeroDivisionError):
        for number, _ in enumerate(rows):
            if number == 9:
                raise ZeroDivisionError
    assert next(iter(keyset_iter(ordered(), after=rows.position))) == ordered()[10]


def test_the_position_does_not_follow_changes_of_the_row() -> None:
    rows = keyset_iter(ordered(), chunk_size=7)
    for row in rows:
        row.pk, row.created_at = None, None
        break
    assert next(iter(keyset_iter(ordered(), after=rows.position))) == ordered()[1]


def test_until_ends_the_walk_with_that_row() -> None:
    expected = list(ordered())
    tokens = [chunk.position for chunk in chunks(ordered(), 10)]
    between = keyset_iter(ordered(), after=tokens[0], until=tokens[1])
    assert list(iter(between)) == expected[10:20]
    assert list(reversed(between)) == expected[10:20][::-1]
    assert len(between) == 10
    assert between[3] == expected[13]


def test_a_stream_has_no_position() -> None:
    with pytest.raises(KeysetError, match="keyset_iter"):
        _ = stream(ordered()).position


@pytest.mark.parametrize("size", [1, 7, 30, 100])
@pytest.mark.parametrize("of", [chunks, lambda qs, size: stream(qs).chunks(size)])
def test_chunks_are_lists_that_are_querysets_too(of: Any, size: int) -> None:
    expected = list(ordered())
    found = of(ordered(), size)
    assert isinstance(found, LazyChunks)
    assert len(found) == -(-ROWS // size)
    for number, chunk in enumerate(found):
        assert isinstance(chunk, Chunk)
        assert isinstance(chunk, list)
        assert chunk.number == number
        assert chunk == expected[number * size : (number + 1) * size]
        assert list(chunk.queryset) == chunk
        rest = keyset_iter(ordered(), after=chunk.position)
        assert list(iter(rest)) == expected[(number + 1) * size :]
    assert found.count() == ROWS


def test_a_chunk_updates_and_deletes_its_own_rows() -> None:
    for chunk in chunks(ordered(), 7):
        if chunk.number % 2:
            chunk.queryset.update(kind=f"chunk {chunk.number}")
        else:
            chunk.queryset.delete()
    left = list(ordered())
    assert [row.kind for row in left] == ["chunk 1"] * 7 + ["chunk 3"] * 7


def test_chunks_without_a_size_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chunkqs.sources.sizing.FIRST_BOUNDED_ROWS", 8)
    found = list(iter(chunks(ordered())))
    assert [row for chunk in found for row in chunk] == list(ordered())
    assert len(found[0]) < len(found[1])
    with pytest.raises(TypeError, match="size"):
        len(chunks(ordered()))


def test_chunks_of_a_query_without_a_keyset_come_from_one_cursor() -> None:
    union = Event.objects.filter(pk=1).union(Event.objects.all())
    found = list(iter(stream(union).chunks(7)))
    assert sum(map(len, found)) == ROWS
    with pytest.raises(KeysetError):
        _ = found[0].position
    with pytest.raises(KeysetError):
        _ = found[0].queryset


def test_chunks_sized_by_time_shrink_when_the_loop_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("chunkqs.sources.sizing.time.monotonic", lambda: now)
    sizes = []
    for chunk in chunks(ordered(), target_seconds=1.0):
        sizes.append(len(chunk))
        now += len(chunk) * 0.5
    assert sum(sizes) == ROWS
    assert sizes[-2] in (2, 3)


def test_a_coroutine_walks_chunks() -> None:
    async def found() -> list[Any]:
        return [(chunk.number, list(chunk)) async for chunk in chunks(ordered(), 7)]

    expected = list(ordered())
    assert run(found()) == [(number, expected[number * 7 : number * 7 + 7]) for number in range(5)]


def test_a_bounded_walk_ends_though_rows_are_added_behind_it() -> None:
    seen = 0
    for event in keyset_iter(Event.objects.order_by("pk"), chunk_size=4):
        another(event)
        seen += 1
    assert seen == ROWS


def test_an_unbounded_walk_sees_rows_that_are_added_behind_it() -> None:
    seen = 0
    for event in keyset_iter(Event.objects.order_by("pk"), chunk_size=4, bounded=False):
        if seen < 5:
            another(event)
        seen += 1
    assert seen == ROWS + 5


class Broken(IntegerField):
    def from_db_value(self, value: int, *args: Any) -> int:
        raise ValueError("no such number")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        for chunk in chunks(ordered(), 7):
            assert chunk
            assert gc.isenabled() is enabled
        broken = ordered().annotate(broken=RawSQL("1", [], output_field=Broken()))
        with pytest.raises(ValueError, match="no such number"):
            next(iter(chunks(broken, 7)))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
