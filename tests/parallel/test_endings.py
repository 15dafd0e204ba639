"""How parallel() ends before its results do: errors, dead workers, a loop that is left."""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import wait
from multiprocessing import active_children
from typing import Any

import pytest

from chunkqs import WorkerDied
from chunkqs.parallel import pool
from chunkqs.parallel.pool import WorkerPool
from chunkqs.parallel.worker_task import Task
from tests.support import work_on_chunks as work
from tests.support.keysets import pks
from tests.support.models import Event

pytestmark = pytest.mark.usefixtures("events", "nothing_left")


def test_an_error_comes_with_its_traceback_and_with_where_it_was() -> None:
    queryset = Event.objects.order_by("-pk")
    with pytest.raises(ValueError, match="no good") as caught:
        list(queryset.parallel(work.fail, workers=2, chunk_size=20))
    text = "".join(traceback.format_exception(caught.value))
    assert 'raise ValueError(f"no good' in text
    (note,) = caught.value.__notes__
    assert "partition 2" in note
    after, token = (part.split("'")[0] for part in note.split("'")[1::2])
    expected = pks(queryset)
    assert [row.pk for row in queryset.keyset_iter(after=after)] == expected[40:]
    assert pks(queryset.partition(token)) == expected[40:60]


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
    assert pks(Event.objects.partition(caught.value.partition)) == pks(
        Event.objects.order_by("pk")[20:40]
    )


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
    assert pks(Event.objects.partition(token)) == pks(Event.objects.order_by("pk")[40:60])


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
    assert pks(Event.objects.partition(caught.value.partition)) == pks(
        Event.objects.order_by("pk")[40:60]
    )


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
