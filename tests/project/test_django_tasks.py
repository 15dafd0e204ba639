"""The example site's tasks by Django's own interface, and its copy of a table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.conftest import ROWS

TOP = Path(__file__).resolve().parents[2]
SETUP = "import django; django.setup()\n"


def call(code: str, environment: dict[str, str]) -> list[str]:
    """Run code in a process of the site; return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + code],
        env=environment, cwd=TOP, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SUM_UP = """
from django.tasks import task_backends
from django.db.models import Sum
from example_site.tasks.django_tasks import Event, sum_up_all, sum_up_partition
found = [sum_up_partition.enqueue(str(p)).return_value for p in Event.objects.partitions(4)]
print(len(found), len(sum_up_all(4)))
print(sum(part["events"] for part in found))
total = Event.objects.aggregate(n=Sum("duration_ms"))["n"]
print(sum(part["milliseconds"] for part in found) == total)
"""
BACKFILL = """
from django.db.models import Sum
from example_site.tasks import django_tasks
from example_site.tasks.models import Backfill
total = lambda: django_tasks.Event.objects.aggregate(n=Sum("duration_ms"))["n"]
before = total()
queued = []
enqueue = type(django_tasks.do_backfill).enqueue
type(django_tasks.do_backfill).enqueue = lambda task, *args: queued.append(args)
django_tasks.start_backfill("late_clock")
turns = 0
while queued:
    result = django_tasks.do_backfill.call(queued.pop()[0], 0.0)
    turns += 1
print(turns, result, total() - before, Backfill.objects.get().rows)
print(django_tasks.do_backfill.call("late_clock"), total() - before)
"""
COPY = """
from django.core.management import call_command
from django.db import connections
connections.settings["copy"] = {**connections.settings["default"],
    "ENGINE": "django.db.backends.sqlite3", "NAME": %r, "OPTIONS": {}}
call_command("migrate", database="copy", verbosity=0)
from example_site.events.models import Event, User
from example_site.tasks.copying import copy
class Stopped(Exception): pass
def stop(execute, sql, params, many, context):
    # Some databases take a chunk in several statements.
    if "INSERT INTO" in sql and "events_event" in sql:
        if Event.objects.using("copy").count() >= 1000:
            raise Stopped
    return execute(sql, params, many, context)
copied = copy(User.objects.all(), "copy")
try:
    with connections["copy"].execute_wrapper(stop):
        copy(Event.objects.all(), "copy", 500)
except Stopped:
    print(Event.objects.using("copy").count())
print(copy(Event.objects.all(), "copy", 500))
rows = lambda alias: list(Event.objects.using(alias).order_by("pk").values_list())
print(rows("copy") == rows("default"), copy(Event.objects.all(), "copy", 500))
"""


@pytest.mark.django(6, 0)
def test_a_task_for_each_partition_sums_up_the_events(events: dict[str, str]) -> None:
    assert call(SUM_UP, events) == ["4 4", str(ROWS), "True"]


@pytest.mark.django(6, 0)
def test_a_backfill_queues_itself_again_until_it_is_finished(events: dict[str, str]) -> None:
    first, second = call(BACKFILL, events)
    turns, result = first.split(" ", 1)
    assert int(turns) > 3
    assert result == f"late_clock: finished {ROWS} {ROWS}"
    assert second == f"late_clock: finished {ROWS}"


def test_a_copy_that_was_stopped_goes_on_and_is_whole(
    events: dict[str, str], tmp_path: Path
) -> None:
    stopped, rest, end = call(COPY % str(tmp_path / "copy.sqlite3"), events)
    assert 0 < int(stopped) < ROWS
    assert int(stopped) + int(rest) == ROWS
    assert end == "True 0"
