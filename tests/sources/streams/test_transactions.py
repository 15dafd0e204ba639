"""Streams inside of transactions, and beside them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from django.db import (
    NotSupportedError,
    transaction,
)
from django.db.models import Count
from django.db.transaction import TransactionManagementError

from chunkqs import StreamInterrupted, stream
from tests.sources.streams.walks import ROWS, SIZE, copied, events, large
from tests.support.leftovers import open_cursors
from tests.support.models import Event
from tests.support.rows import another

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.database("postgresql")
def test_a_stream_is_one_snapshot_and_the_caller_goes_on_writing() -> None:
    seen = 0
    for event in large():
        Event.objects.filter(pk=event.pk).delete()
        another(event)
        seen += 1
    assert seen == ROWS
    assert Event.objects.filter(kind="new").count() == ROWS


@pytest.mark.database("mysql")
def test_other_queries_go_on_during_the_walk_on_mysql() -> None:
    seen = 0
    for event in large():
        assert Event.objects.filter(pk=event.pk).update(kind="seen") == 1
        seen += 1
    assert seen == ROWS


def test_a_stream_in_a_transaction_sees_the_rows_of_that_transaction() -> None:
    with transaction.atomic():
        event = events().first()
        assert event is not None
        mine = another(event)
        assert list(iter(large()))[-1] == mine
        transaction.set_rollback(True)
    assert len(list(iter(large()))) == ROWS


@pytest.mark.database("postgresql")
def test_a_stream_whose_transaction_ended_says_so() -> None:
    with transaction.atomic():
        iterator = iter(large())
        next(iterator)
    with pytest.raises(StreamInterrupted, match="transaction .* has ended"):
        list(iterator)


@pytest.mark.database("postgresql")
def test_a_stream_of_an_ended_transaction_does_no_harm_to_the_next_one() -> None:
    with transaction.atomic():
        asked, dropped = iter(large()), iter(large())
        next(asked), next(dropped)
    with transaction.atomic():
        with pytest.raises(StreamInterrupted):
            list(asked)
        del dropped
        assert events().count() == ROWS


@pytest.mark.database("postgresql")
def test_a_savepoint_takes_its_streams_along_and_spares_the_others() -> None:
    with transaction.atomic():
        outer = iter(large())
        next(outer)
        with transaction.atomic():
            inner = iter(large())
            next(inner)
            transaction.set_rollback(True)
        with pytest.raises(StreamInterrupted):
            list(inner)
        assert len(list(outer)) == ROWS - 1
        assert open_cursors() == []


@pytest.mark.database("postgresql")
def test_a_commit_in_the_loop_with_autocommit_off_spares_the_next_transaction() -> None:
    transaction.set_autocommit(False)
    try:
        iterator = iter(large())
        next(iterator)
        transaction.commit()
        Event.objects.update(kind="kept")
        with pytest.raises(StreamInterrupted):
            list(iterator)
        transaction.commit()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert set(Event.objects.values_list("kind", flat=True)) == {"kept"}


@pytest.mark.database("postgresql")
def test_select_for_update_outside_a_transaction_raises_what_django_raises() -> None:
    with pytest.raises(TransactionManagementError, match="select_for_update"):
        next(iter(stream(events().select_for_update())))


@pytest.mark.database("postgresql")
def test_select_for_update_locks_the_rows_in_a_transaction() -> None:
    with transaction.atomic():
        assert len(list(iter(stream(events().select_for_update(), chunk_size=SIZE)))) == ROWS


@pytest.mark.database("mysql")
@pytest.mark.parametrize("private", [None, False])
def test_rows_that_the_loop_inserts_do_not_prolong_a_stream_by_keyset(
    private: bool | None,
) -> None:
    with transaction.atomic() if private is None else nullcontext():
        rows = stream(Event.objects.all(), chunk_size=SIZE, private=private)
        count = 0
        for event in rows:
            copied(event).save()
            count += 1
    assert count == ROWS


@pytest.mark.database("mysql")
def test_small_results_without_an_order_come_inside_a_transaction_too() -> None:
    with transaction.atomic():
        assert len(list(iter(Event.objects.all()[:5].stream()))) == 5
        assert len(list(iter(Event.objects.order_by("?").stream()))) == ROWS
        grouped = Event.objects.values("user").annotate(count=Count("id"))
        assert list(iter(grouped.order_by("user").stream())) == list(grouped.order_by("user"))
        with pytest.raises(NotSupportedError, match="random order") as caught:
            list(iter(Event.objects.order_by("?").stream(chunk_size=5)))
    assert "Use stream()" not in str(caught.value)
