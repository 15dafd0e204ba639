"""Where a stream runs, what it costs, and that nothing of it is left behind."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import (
    InterfaceError,
    NotSupportedError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.models import Count, QuerySet
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from chunkqs import LazyRows, StreamInterrupted, stream
from chunkqs.databases import database_of
from tests.support.leftovers import BACKENDS, Leftovers, backends, open_cursors
from tests.support.models import Event
from tests.support.rows import another, make

ROWS = 300
#: Fewer rows than there are, so that a stream of all of them is a large one.
SIZE = 50

server = pytest.mark.database("postgresql", "mysql")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Event._meta.db_table}")


def events() -> QuerySet[Event]:
    return Event.objects.order_by("pk")


def large() -> LazyRows[Event]:
    return stream(events(), chunk_size=SIZE)


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


@server
def test_a_killed_private_connection_interrupts_the_stream() -> None:
    make_wide()
    before = backends()
    iterator = iter(large())
    next(iterator)
    (backend,) = backends() - before
    with connection.cursor() as cursor:
        kill = "SELECT pg_terminate_backend(%s)" if on_postgresql() else "KILL %s"
        cursor.execute(kill, [backend])
    with pytest.raises(StreamInterrupted, match="keyset_iter"):
        list(iterator)


def make_wide() -> None:
    """More bytes than the buffers between server and client take, so that some are on the way."""
    Event.objects.update(path="x" * 200)
    for _ in range(7):
        Event.objects.bulk_create(copied(event) for event in list(Event.objects.all()))


@pytest.mark.database("postgresql")
def test_types_registered_on_the_callers_connection_are_read_alike() -> None:
    register_shouting(connection.connection)
    expected = list(events().values_list("path", flat=True))
    assert expected[0].startswith("READ BY OWN TYPE")
    for private in (True, False):
        rows = events().values_list("path", flat=True).stream(chunk_size=SIZE, private=private)
        assert list(iter(rows)) == expected
    connection.close()


def register_shouting(driver_connection: Any) -> None:
    """Let varchar be read in a way of its own, on one connection of psycopg2 or psycopg 3."""
    if not hasattr(driver_connection, "set_session"):
        from psycopg.types.string import TextLoader

        class Shouting(TextLoader):
            def load(self, data: Any) -> str:
                return f"READ BY OWN TYPE {super().load(data)!r}"

        driver_connection.adapters.register_loader("varchar", Shouting)
    else:
        from psycopg2 import extensions

        own = extensions.new_type((1043,), "SHOUTING", lambda v, _: f"READ BY OWN TYPE {v!r}")
        extensions.register_type(own, driver_connection)


def copied(event: Event) -> Event:
    event.pk = None
    return event


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


def test_bytes_and_lists_are_weighed_whole() -> None:
    from chunkqs.sources.sizing import row_bytes

    assert row_bytes([(memoryview(bytes(1_000_000)),)]) > 1_000_000
    assert row_bytes([([["x" * 1000] * 10],)]) > 10_000


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


@pytest.mark.database("postgresql")
def test_select_for_update_outside_a_transaction_raises_what_django_raises() -> None:
    with pytest.raises(TransactionManagementError, match="select_for_update"):
        next(iter(stream(events().select_for_update())))


@pytest.mark.database("postgresql")
def test_select_for_update_locks_the_rows_in_a_transaction() -> None:
    with transaction.atomic():
        assert len(list(iter(stream(events().select_for_update(), chunk_size=SIZE)))) == ROWS


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


def test_a_stream_with_a_private_connection_forbidden_gives_the_same_rows(
    nothing_left_open: Leftovers,
) -> None:
    iterator = iter(stream(events(), chunk_size=SIZE, private=False))
    first = next(iterator)
    if connection.vendor in BACKENDS:
        assert backends() == nothing_left_open.before
    assert [first, *iterator] == list(events())


@server
def test_insisting_on_a_private_connection_inside_a_transaction_raises() -> None:
    from django.db import NotSupportedError

    with transaction.atomic(), pytest.raises(NotSupportedError, match="atomic"):
        next(iter(stream(events(), private=True)))


@pytest.mark.database("sqlite")
def test_insisting_on_a_private_connection_where_there_is_none_raises_at_the_call() -> None:
    from django.db import NotSupportedError

    with pytest.raises(NotSupportedError, match="private"):
        stream(events(), private=True)


@server
def test_whoever_watches_the_callers_queries_sees_those_of_a_private_connection() -> None:
    seen: list[str] = []

    def watch(execute: Any, sql: str, *args: Any) -> Any:
        seen.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(watch), CaptureQueriesContext(connection) as queries:
        iterator = iter(large())
        next(iterator)
    assert any(reads_events(sql) for sql in seen)
    assert any(reads_events(query["sql"]) for query in queries)
    assert len(list(iterator)) == ROWS - 1


def reads_events(sql: str) -> bool:
    return f"FROM {connection.ops.quote_name(Event._meta.db_table)}" in sql and "EXPLAIN" not in sql


@server
def test_too_many_clients_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError
    from django.db.backends.base.base import BaseDatabaseWrapper

    def full(self: BaseDatabaseWrapper) -> None:
        raise OperationalError("too many clients already")

    monkeypatch.setattr(BaseDatabaseWrapper, "connect", full)
    assert list(iter(large())) == list(events())


def test_a_closed_connection_is_opened_again_as_django_does() -> None:
    connections["default"].close()
    assert len(list(iter(large()))) == ROWS


def test_a_stream_of_no_rows_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert list(iter(stream(events().none()))) == []
        assert list(iter(stream(events().filter(pk__in=[])))) == []
    assert len(queries) == 0


@pytest.fixture
def prefetch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("chunkqs.walks.build.prefetch_related_objects", fail)


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
