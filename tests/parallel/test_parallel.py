"""parallel(): each row is worked on once, in other processes, and what goes wrong is said."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from django.db import NotSupportedError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

import chunkqs
from chunkqs import KeysetError
from tests.support import work_on_chunks as work
from tests.support.keysets import pks
from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.usefixtures("events", "nothing_left")


def all_pks(queryset: QuerySet[Any] | None = None) -> list[Any]:
    return pks(Event.objects.order_by("pk") if queryset is None else queryset)


def test_each_row_is_worked_on_once_in_other_processes() -> None:
    found = list(Event.objects.parallel(work.pks, workers=2, chunk_size=20))
    assert sorted(sum(found, [])) == all_pks()
    assert set(map(len, found)) == {20}
    seen = {pid for pid, _ in Event.objects.parallel(work.pids, workers=2, chunk_size=20)}
    assert os.getpid() not in seen
    assert 1 <= len(seen) <= 2


def test_results_come_in_the_order_of_the_rows_when_asked() -> None:
    queryset = Event.objects.order_by("kind", "-pk")
    found = queryset.parallel(work.first_last, workers=2, chunk_size=50, ordered=True)
    assert sum(found, []) == all_pks(queryset)


def test_results_come_as_they_are_ready() -> None:
    found = list(Event.objects.parallel(work.first_last, workers=2, chunk_size=50))
    assert found != sorted(found)
    assert sorted(sum(found, [])) == all_pks()


def test_a_chunk_has_its_number_position_and_queryset() -> None:
    expected = all_pks()
    found = list(Event.objects.parallel(work.describe, workers=1, chunk_size=70, ordered=True))
    assert [chunk["number"] for chunk in found] == [0, 1, 2, 3, 4]
    assert [chunk["rows"] for chunk in found] == [70, 70, 70, 70, 20]
    assert sum([chunk["queryset"] for chunk in found], []) == expected
    assert found[0]["kinds"] == {"Event"}
    rest = Event.objects.keyset_iter(after=found[2]["position"])
    assert [row.pk for row in rest] == expected[210:]


def test_chunks_fit_themselves_to_the_rows_without_a_size() -> None:
    found = list(Event.objects.parallel(work.pks, workers=1, ordered=True))
    assert sum(found, []) == all_pks()
    assert len(found[0]) < len(found[-1]) or len(found) <= 2 or len(found[0]) <= 100


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Event.objects.filter(status=1).order_by("-created_at"),
        lambda: Event.objects.filter(pk__in=Event.objects.filter(kind="x").values("pk")),
        lambda: Event.objects.values_list("pk", "kind"),
        lambda: Event.objects.values("pk"),
        lambda: Event.objects.only("kind").order_by("user__name"),
        lambda: Event.objects.none(),
    ],
)
def test_rows_are_what_the_queryset_yields(queryset: Any) -> None:
    found = queryset().parallel(work.values, workers=1, chunk_size=100, ordered=True)
    assert sum(found, []) == list(iter(chunkqs.keyset_iter(queryset())))


def test_what_is_prefetched_is_there_for_the_function() -> None:
    queryset = Event.objects.prefetch_related("user").filter(pk__lte=all_pks()[40])
    found = sum(queryset.parallel(work.prefetched, workers=1, chunk_size=30, ordered=True), [])
    assert [pk for pk, _ in found] == all_pks()[:41]


def test_nothing_runs_before_the_first_result_is_asked_for() -> None:
    with CaptureQueriesContext(connection) as queries:
        results = Event.objects.parallel(work.pks, workers=2)
    assert len(queries) == 0
    assert "Event" in repr(results)
    assert sum(map(len, results)) == sum(map(len, results)) == 300


def test_the_rows_of_a_partition_are_worked_on_in_parallel() -> None:
    part = Event.objects.partition(Event.objects.partitions(3)[1])
    found = list(part.parallel(work.pks, workers=2, chunk_size=30))
    assert sorted(sum(found, [])) == all_pks()[100:200]


def test_the_function_may_write() -> None:
    with transaction.atomic():
        chosen = Event.objects.filter(pk__in=all_pks()[10:70])
        chosen.update(kind="to change")
    changed = Event.objects.filter(kind="to change").parallel(work.change, workers=2, chunk_size=9)
    assert sum(changed) == 60
    assert all_pks(Event.objects.filter(kind="changed").order_by("pk")) == all_pks()[10:70]


@pytest.mark.database("mysql", "sqlite")
def test_rows_may_be_deleted_before_their_turn() -> None:
    last = all_pks()[-1]
    make(Event, 100)
    more = Event.objects.filter(pk__gt=last)

    def delete_what_comes(chunk: Any) -> list[Any]:
        more.filter(pk__gt=chunk[-1].pk).delete()
        return [row.pk for row in chunk]

    with ThreadPoolExecutor(1) as executor:
        found = list(more.parallel(delete_what_comes, executor=executor, workers=1))
    assert sum(found, []) == all_pks(more.order_by("pk"))
    more.delete()


def test_only_so_many_results_are_made_ahead(tmp_path: Path) -> None:
    workers = 2
    results = iter(Event.objects.parallel(work.Note(tmp_path), workers=workers, chunk_size=5))
    for taken in range(1, 6):
        next(results)
        threading.Event().wait(0.3)
        assert len(list(tmp_path.iterdir())) <= taken + 2 * workers
    results.close()


@pytest.mark.database("postgresql")
def test_all_workers_read_one_state_of_the_database(tmp_path: Path) -> None:
    Event.objects.update(kind="before")
    results = iter(Event.objects.parallel(work.WaitFor(tmp_path), workers=2, chunk_size=40))

    def write() -> None:
        while not list(tmp_path.glob("begun-*")):
            threading.Event().wait(0.01)
        Event.objects.update(kind="after")
        Event.objects.filter(pk=all_pks()[-1]).delete()
        connection.close()
        (tmp_path / "go").touch()

    before = all_pks()
    writer = threading.Thread(target=write)
    writer.start()
    found = sorted(sum(results, []))
    writer.join()
    assert found == [(pk, "before") for pk in before]
    make(Event, 1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # so is pytest here
def test_processes_that_were_forked_have_connections_of_their_own() -> None:
    assert Event.objects.exists()  # on the connection that they inherit
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
        for _ in range(3):
            found = list(Event.objects.parallel(work.pks, executor=processes, chunk_size=20))
            assert sorted(sum(found, [])) == all_pks()
    assert Event.objects.count() == len(all_pks())


@pytest.mark.parametrize("queryset", [lambda: Event.objects.all(), lambda: Event.objects.none()])
def test_a_transaction_is_refused_at_the_call_and_in_the_loop(queryset: Any) -> None:
    results = queryset().parallel(work.pks)
    with transaction.atomic():
        with pytest.raises(NotSupportedError, match="transaction"):
            queryset().parallel(work.pks)
        with pytest.raises(NotSupportedError, match="transaction"):
            list(results)


def local_function(chunk: Any) -> None:
    """Can be pickled, while one in a function cannot."""


@pytest.mark.parametrize("func", [lambda chunk: None, threading.Lock().acquire])
def test_a_function_that_cannot_be_pickled_is_refused_at_the_call(func: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        with pytest.raises(TypeError, match="top level of a module"):
            Event.objects.parallel(func)
        Event.objects.parallel(local_function)
    assert len(queries) == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"func": None}, TypeError),
        ({"workers": 0}, ValueError),
        ({"workers": 1.5}, TypeError),
        ({"chunk_size": 0}, ValueError),
        ({"ordered": 1}, TypeError),
        ({"executor": 5}, TypeError),
    ],
)
def test_wrong_arguments_raise_at_the_call(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Event.objects.parallel(**{"func": work.pks, **arguments})


def test_queries_without_an_order_or_with_locks_are_refused_at_the_call() -> None:
    with pytest.raises(KeysetError):
        Event.objects.order_by("?").parallel(work.pks)
    with pytest.raises(NotSupportedError, match="select_for_update"):
        Event.objects.select_for_update().parallel(work.pks)


def test_threads_work_in_this_process_and_leave_no_connection() -> None:
    with ThreadPoolExecutor(3) as threads:
        found = list(Event.objects.parallel(lambda c: work.pks(c), executor=threads, chunk_size=20))
        assert sorted(sum(found, [])) == all_pks()
        seen = set(Event.objects.parallel(work.pids, executor=threads, chunk_size=20))
        assert {pid for pid, _ in seen} == {os.getpid()}
        assert threading.get_ident() not in {thread for _, thread in seen}
        for _ in Event.objects.parallel(work.slow_pks, executor=threads, chunk_size=10):
            break
        with pytest.raises(ValueError, match="no good") as caught:
            list(Event.objects.parallel(work.fail, executor=threads, chunk_size=10))
        assert "partition 2" in caught.value.__notes__[0]


@pytest.mark.database("postgresql")
def test_a_session_that_workers_would_not_have_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS other")
        cursor.execute("SET search_path = other, public")
    with pytest.raises(NotSupportedError, match="search path"):
        list(Event.objects.parallel(work.pks, workers=1))
    refused = pytest.raises(NotSupportedError, match="search path")
    with ThreadPoolExecutor(1) as threads, refused:
        list(Event.objects.parallel(work.pks, executor=threads))
    with connection.cursor() as cursor:
        cursor.execute("RESET search_path")
        cursor.execute("DROP SCHEMA other")
