"""That nothing of a stream is left behind, however it ends."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from django.db import (
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from chunkqs import StreamInterrupted, stream
from tests.sources.streams.walks import ROWS, SIZE, events, large
from tests.support.leftovers import Leftovers

pytestmark = pytest.mark.django_db(transaction=True)


def exhausted() -> None:
    assert len(list(iter(large()))) == ROWS


def broken_off() -> None:
    for _ in large():
        break


def failed() -> None:
    with pytest.raises(ZeroDivisionError):
        for _ in large():
            raise ZeroDivisionError


def closed() -> None:
    rows = large()
    iterator = iter(rows)
    next(iterator)
    rows.close()
    with pytest.raises(StreamInterrupted, match="ended early"):
        next(iterator)


def left() -> None:
    with large() as rows:
        iterator = iter(rows)
        next(iterator)
    with pytest.raises(StreamInterrupted, match="ended early"):
        next(iterator)


def dropped() -> None:
    gc.disable()
    try:
        iterator = iter(large())
        next(iterator)
        del iterator
    finally:
        gc.enable()


def never_begun() -> None:
    iter(large())


WAYS_OUT = [exhausted, broken_off, failed, closed, left, dropped, never_begun]


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_nothing_is_left_open_in_autocommit(
    way_out: Callable[[], None], nothing_left_open: Leftovers
) -> None:
    way_out()
    nothing_left_open.check()


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_nothing_is_left_open_in_a_transaction(
    way_out: Callable[[], None], nothing_left_open: Leftovers
) -> None:
    with transaction.atomic():
        way_out()
        nothing_left_open.check()


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("private", [None, False])
def test_closing_after_the_callers_connection_was_killed_raises_nothing(
    private: bool | None,
) -> None:
    # Which of the two depends on whether the driver has noticed yet.
    with pytest.raises((OperationalError, InterfaceError)), transaction.atomic():
        in_transaction = iter(stream(events(), chunk_size=SIZE))
        next(in_transaction)
        kill_own_backend()
        in_transaction.close()  # type: ignore[attr-defined]
        events().count()
    connection.close()
    held = stream(events(), chunk_size=SIZE, private=private)
    next(iter(held))
    kill_own_backend()
    held.close()
    connection.close()


def kill_own_backend() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


@pytest.fixture
def prefetch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chunkqs.walks.prefetching.prefetch_related_objects", fail)


def test_a_failing_prefetch_leaves_nothing_open(
    prefetch_fails: None, nothing_left_open: Leftovers
) -> None:
    with pytest.raises(ZeroDivisionError):
        list(iter(stream(events().prefetch_related("user"), chunk_size=SIZE)))


@pytest.mark.parametrize(
    "lookups", [("nowhere",), ("user__nowhere",), ("kind",)], ids=lambda lookups: lookups[0]
)
def test_a_wrong_prefetch_raises_what_django_raises(
    lookups: tuple[str], nothing_left_open: Leftovers
) -> None:
    queryset = events().prefetch_related(*lookups)
    django_error = error_of(lambda: list(queryset.iterator(chunk_size=10)))
    assert error_of(lambda: list(iter(stream(queryset, chunk_size=SIZE)))) == django_error


def error_of(walk: Callable[[], Any]) -> tuple[type, str]:
    """Say what `walk` raises, without keeping its frames, and what they hold, alive."""
    try:
        walk()
    except (AttributeError, ValueError) as error:
        return type(error), str(error)
    raise AssertionError("it raised nothing")
