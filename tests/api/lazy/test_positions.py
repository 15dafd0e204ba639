"""Where a walk stands, where it goes on, and where it ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.query import ModelIterable

from chunkqs import (
    KeysetError,
    chunks,
    keyset_iter,
    stream,
)
from tests.api.lazy.walks import ROWS, ordered, run
from tests.support.models import Event
from tests.support.rows import another

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_coroutine_goes_on_after_a_chunk_without_rows() -> None:
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


def test_a_bounded_walk_ends_though_rows_are_added_after_it() -> None:
    seen = 0
    for event in keyset_iter(Event.objects.order_by("pk"), chunk_size=4):
        another(event)
        seen += 1
    assert seen == ROWS


def test_an_unbounded_walk_sees_rows_that_are_added_after_it() -> None:
    seen = 0
    for event in keyset_iter(Event.objects.order_by("pk"), chunk_size=4, bounded=False):
        if seen < 5:
            another(event)
        seen += 1
    assert seen == ROWS + 5
