"""The tasks of the example site: real workers, killed in the middle, and what was done counted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction

from tests.project.conftest import ROWS
from tests.support import celery
from tests.support.celery import Worker, call, wait_for, worker
from tests.support.site import ALIAS

TOP = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(TOP / "example_site" / "manage.py")]
#: Among the rows of the third chunk: two are done before a worker comes to it.
LOCKED = 1000

pytestmark = [pytest.mark.celery, pytest.mark.once_per_database]
by_broker = pytest.mark.parametrize("broker", celery.reachable())
locking = pytest.mark.database("postgresql", "mysql")


@pytest.fixture
def environment(events: dict[str, str], broker: str, tmp_path: Path) -> dict[str, str]:
    fetch("DELETE FROM tasks_backfill")
    return celery.environment(broker, events, tmp_path / "celery")


def fetch(sql: str) -> Any:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None


def milliseconds() -> int:
    return int(fetch("SELECT SUM(duration_ms) FROM events_event")[0])


def progress() -> tuple[int, bool]:
    """Return how many rows the backfill has done, and whether it is finished."""
    rows, is_finished = fetch("SELECT b.rows, b.is_finished FROM tasks_backfill b") or (0, False)
    return rows, bool(is_finished)


@contextmanager
def locked_row() -> Iterator[None]:
    """Hold a row in the middle of the table, so that the backfill waits for it."""
    with transaction.atomic(using=ALIAS):
        fetch(f"SELECT id FROM events_event WHERE id = {LOCKED} FOR UPDATE")
        yield


@contextmanager
def backfill_stuck_in_the_middle(environment: dict[str, str]) -> Iterator[Worker]:
    """Let a worker do some chunks of a backfill, and wait in the middle of one."""
    with worker(environment) as running:
        with locked_row():
            call("from example_site.tasks.celery_tasks import *; start_backfill('late_clock')",
                 environment)  # fmt: skip
            wait_for(lambda: progress()[0] > 0, running.log)
            time.sleep(1)
            assert 0 < progress()[0] < LOCKED
            yield running
        wait_for(lambda: progress()[1], running.log)


KILLS: dict[str, Callable[[Worker], None]] = {
    "worker": Worker.kill_and_start,
    "child": Worker.kill_child,
}


@locking
@by_broker
@pytest.mark.parametrize("kill", KILLS)
def test_a_backfill_is_done_exactly_once_though_its_worker_is_killed(
    environment: dict[str, str], kill: str
) -> None:
    before = milliseconds()
    with backfill_stuck_in_the_middle(environment) as running:
        KILLS[kill](running)
    assert progress() == (ROWS, True)
    assert milliseconds() == before + ROWS


@locking
@by_broker
def test_a_backfill_that_is_queued_twice_is_done_once(environment: dict[str, str]) -> None:
    before = milliseconds()
    with backfill_stuck_in_the_middle(environment):
        call("from example_site.tasks.celery_tasks import *\n"
             "[do_backfill.delay('late_clock') for _ in range(3)]", environment)  # fmt: skip
        with worker(environment):
            time.sleep(1)
    assert progress() == (ROWS, True)
    assert milliseconds() == before + ROWS


@locking
@by_broker
def test_a_backfill_stops_at_the_soft_time_limit_and_goes_on(environment: dict[str, str]) -> None:
    before = milliseconds()
    with worker(environment) as running:
        with locked_row():
            call("from example_site.tasks.celery_tasks import *; begin('late_clock')\n"
                 "do_backfill.apply_async(['late_clock'], soft_time_limit=1)",
                 environment)  # fmt: skip
            wait_for(lambda: progress()[0] > 0, running.log)
            time.sleep(2)
            done = progress()[0]
        wait_for(lambda: progress()[1], running.log)
        wait_for(lambda: "late_clock: finished" in running.log.read_text(), running.log)
    assert 0 < done < LOCKED
    log = running.log.read_text()
    assert "late_clock: to be continued" in log
    assert log.index("to be continued") < log.index("late_clock: finished")
    assert progress() == (ROWS, True)
    assert milliseconds() == before + ROWS


SUM_UP = """
from example_site.tasks.celery_tasks import sum_up_all
print(sum_up_all(5).get(timeout=50))
"""


@by_broker
def test_a_chord_sums_up_the_partitions(environment: dict[str, str]) -> None:
    with worker(environment):
        found = call(SUM_UP, environment)
    assert found == str({"events": ROWS, "milliseconds": milliseconds()})


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    ("broker", "kill"),
    # A folder forgets what a worker was killed at: it is no broker.
    [pair for pair in product(celery.reachable(), KILLS) if pair != ("folders", "worker")],
)
def test_a_partition_is_done_again_when_its_worker_is_killed(
    environment: dict[str, str], broker: str, kill: str
) -> None:
    tasks = "from example_site.tasks.celery_tasks import *\n"
    token = call(f"{tasks}print(Event.objects.partitions(3)[1])", environment)
    expected = call(f"{tasks}print(sum_up_partition({token!r}))", environment)
    with worker(environment) as running:
        with transaction.atomic(using=ALIAS):
            fetch("LOCK TABLE events_event IN ACCESS EXCLUSIVE MODE")
            task = call(f"{tasks}print(sum_up_partition.delay({token!r}).id)", environment)
            wait_for(lambda: f"[{task}] received" in running.log.read_text(), running.log)
            time.sleep(1)
            KILLS[kill](running)
        result = (
            f"from celery.result import AsyncResult\nprint(AsyncResult({task!r}).get(timeout=50))"
        )
        assert call(result, environment) == expected
    assert running.log.read_text().count(f"[{task}] received") == 2


UNKNOWN = """
from example_site.tasks.backfills import begin
from example_site.tasks.models import Backfill
try:
    begin("no such backfill")
except KeyError as error:
    print(error, Backfill.objects.filter(name="no such backfill").count())
"""


def test_a_backfill_that_is_none_is_not_begun(events: dict[str, str]) -> None:
    assert call(UNKNOWN, events) == "'no such backfill' 0"


@locking
def test_the_command_stops_at_ctrl_c_and_goes_on(events: dict[str, str]) -> None:
    fetch("DELETE FROM tasks_backfill")
    before = milliseconds()
    with locked_row():
        process = subprocess.Popen(
            [*MANAGE, "backfill", "late_clock"],
            env=events, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        wait_for(lambda: progress()[0] > 0)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    rows, is_finished = progress()
    assert f"Stopped after {rows:,} rows" in output
    assert 0 < rows < ROWS
    assert not is_finished
    done = backfill(events)
    assert f"goes on after {rows:,} rows" in done.stdout
    assert f"{ROWS:,} rows are done" in done.stdout
    assert milliseconds() == before + ROWS
    assert "is finished" in backfill(events).stdout


def backfill(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MANAGE, "backfill", "late_clock", *options],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@by_broker
def test_the_command_watches_what_the_workers_do(environment: dict[str, str]) -> None:
    before = milliseconds()
    with worker(environment):
        done = backfill(environment, "--queue")
    assert f"{ROWS:,} rows are done" in done.stdout, done.stderr
    assert milliseconds() == before + ROWS
