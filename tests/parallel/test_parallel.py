"""parallel(): each row is worked on once, in other processes, and what goes wrong is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import NotSupportedError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

import chunkqs
from chunkqs import KeysetError, WorkerDied
from chunkqs.parallel import pool
from chunkqs.parallel.job import Task
from chunkqs.parallel.pool import WorkerPool
from tests.support import work_on_chunks as work
from tests.support.keysets import pks
from tests.support.leftovers import Leftovers
from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.usefixtures("events", "nothing_left")

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def events(committed_db: None) -> None:
    make(Event, 300)


@pytest.fixture
def nothing_left(events: None, nothing_left_open: Leftovers) -> Iterator[None]:
    """Fail a test that leaves a process, a connection or an exported snapshot."""
    yield
    assert active_children() == []


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


def test_an_error_comes_with_its_traceback_and_with_where_it_was() -> None:
    queryset = Event.objects.order_by("-pk")
    with pytest.raises(ValueError, match="no good") as caught:
        list(queryset.parallel(work.fail, workers=2, chunk_size=20))
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise ValueError(f"no good' in text
    (note,) = caught.value.__notes__
    assert "partition 2" in note
    after, token = (part.split("'")[0] for part in note.split("'")[1::2])
    expected = all_pks(queryset)
    assert [row.pk for row in queryset.keyset_iter(after=after)] == expected[40:]
    assert all_pks(queryset.partition(token)) == expected[40:60]


def test_an_error_that_cannot_be_pickled_is_told() -> None:
    with pytest.raises(RuntimeError, match="OwnError: by code"):
        list(Event.objects.parallel(work.fail_by_own_error, workers=1))


def test_a_result_that_cannot_be_pickled_is_refused() -> None:
    with pytest.raises(Exception, match="lambda") as caught:
        list(Event.objects.parallel(work.return_a_lambda, workers=1))
    assert "partition 0" in caught.value.__notes__[0]


def test_a_result_that_cannot_be_read_is_told() -> None:
    with pytest.raises(RuntimeError, match="unpickled") as caught:
        list(Event.objects.parallel(work.return_unreadable, workers=2, chunk_size=20))
    assert "no number" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("leave", ["break", "an exception"])
def test_a_result_that_is_being_sent_holds_nobody_up(leave: str) -> None:
    results = iter(Event.objects.parallel(work.large, workers=2, chunk_size=20))
    next(results)
    if leave == "break":
        results.close()
    else:
        with pytest.raises(ZeroDivisionError):
            results.throw(ZeroDivisionError)


@pytest.mark.parametrize("ordered", [True, False])
def test_a_worker_that_is_killed_while_it_sends_a_result_is_an_error(ordered: bool) -> None:
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        for _ in Event.objects.parallel(work.kill_soon, workers=2, chunk_size=20, ordered=ordered):
            pass
    assert caught.value.partition is not None


def test_a_worker_that_refuses_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 0.5)
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        list(Event.objects.parallel(work.stay, workers=2, chunk_size=20))
    assert caught.value.partition is not None
    assert all_pks(Event.objects.partition(caught.value.partition)) == all_pks()[20:40]


def test_a_worker_that_is_killed_without_work_is_an_error() -> None:
    results = iter(Event.objects.parallel(work.pks, workers=1, chunk_size=50))
    next(results)
    threading.Event().wait(0.5)  # by then it has done the next ones as well
    (worker,) = active_children()
    worker.kill()
    with pytest.raises(WorkerDied, match="SIGKILL while it had no work") as caught:
        list(results)
    assert caught.value.partition is None


def test_a_killed_worker_is_an_error_with_the_token_of_its_partition() -> None:
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        list(Event.objects.parallel(work.die, workers=2, chunk_size=20))
    token = caught.value.partition
    assert token is not None
    assert token in str(caught.value)
    assert all_pks(Event.objects.partition(token)) == all_pks()[40:60]


def test_a_worker_may_have_been_killed_before_the_next_task_is_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = WorkerPool.submit

    def submit_late(pool: WorkerPool, task: Task) -> Any:
        if task.number > 3:  # the workers have all of 0 to 3, and 2 kills one of them
            wait([future for future in pool._futures if future is not None])
        return submit(pool, task)

    monkeypatch.setattr(WorkerPool, "submit", submit_late)
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        list(Event.objects.parallel(work.die, workers=2, chunk_size=20))
    assert caught.value.partition is not None
    assert all_pks(Event.objects.partition(caught.value.partition)) == all_pks()[40:60]


def test_a_worker_that_leaves_is_an_error() -> None:
    with pytest.raises(WorkerDied, match="exit code 7"):
        list(Event.objects.parallel(work.leave, workers=1))


def test_break_leaves_nothing_running() -> None:
    results = iter(Event.objects.parallel(work.sleep_but_once, workers=2, chunk_size=5))
    next(results)
    assert active_children()
    results.close()
    assert active_children() == []


def test_an_exception_in_the_loop_leaves_nothing_running() -> None:
    with pytest.raises(ZeroDivisionError):
        for _ in Event.objects.parallel(work.pks, workers=2, chunk_size=5):
            raise ZeroDivisionError


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


SCRIPT = """
import sys
import django
django.setup()
from django.db import connections
connections.settings["default"]["NAME"] = {name!r}
from tests.support.models import Event
from tests.support.work_on_chunks import pks, sleep, slow_pks
def main():
    print("begun", flush=True)
    for result in Event.objects.parallel({func}, workers=2, chunk_size=20):
        print(len(result), flush=True)
"""
GUARDED = SCRIPT + '\nif __name__ == "__main__":\n    main()\n'


def script(tmp_path: Path, text: str, func: str = "pks") -> list[str]:
    path = tmp_path / "script.py"
    path.write_text(text.format(name=str(connection.settings_dict["NAME"]), func=func))
    return [sys.executable, str(path)]


def environment() -> dict[str, str]:
    """Return a script's environment, where DATABASE_URL is by now what the test run uses."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(TOP)}


def test_a_script_works_in_parallel(tmp_path: Path) -> None:
    done = subprocess.run(
        script(tmp_path, GUARDED), env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["begun", *["20"] * 15]


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    done = subprocess.run(
        script(tmp_path, SCRIPT + "\nmain()\n"),
        env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_a_function_that_is_in_no_module_is_refused(tmp_path: Path) -> None:
    code = SCRIPT.format(name=str(connection.settings_dict["NAME"]), func="f")
    code = f"{code}\ndef f(chunk): pass\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert "in no module" in done.stderr


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until the workers of a script are at work; return all processes that it has started."""
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "begun\n"
    family: list[psutil.Process] = []
    while len(family) < 3:  # two workers, and what tracks their resources
        assert process.poll() is None, process.stderr.read()
        family = psutil.Process(process.pid).children(recursive=True)
        threading.Event().wait(0.05)
    threading.Event().wait(1.0)
    return family


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_script_that_is_ended_leaves_no_process(tmp_path: Path, ending: str) -> None:
    command = script(tmp_path, GUARDED, func="sleep")
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            family = family_of(process)
            if ending == "SIGINT":
                os.killpg(process.pid, signal.SIGINT)  # as the terminal does
            else:
                process.send_signal(getattr(signal, ending))
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()  # and its workers end with it
    _, alive = psutil.wait_procs(family, 10)
    assert alive == []
    if ending == "SIGINT":
        assert errors.count("KeyboardInterrupt\n") == 1
