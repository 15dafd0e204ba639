"""The next chunk is on its way while the caller works on this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import DataError, connection
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

from chunkqs import StreamInterrupted, stream
from tests.support.leftovers import Leftovers
from tests.support.models import Event
from tests.support.rows import make

ROWS = 300
SIZE = 50

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> list[int]:
    make(Event, ROWS)
    return list(Event.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("size", [1, 7, SIZE, None])
def test_rows_that_were_read_ahead_are_the_same(size: int | None) -> None:
    queryset = Event.objects.order_by("pk")
    assert list(iter(stream(queryset, chunk_size=size, private=True, read_ahead=True))) == list(
        queryset
    )


def test_an_error_reaches_the_caller_at_its_row(
    rows: list[int], nothing_left_open: Leftovers
) -> None:
    failing = RawSQL("1 / (id - %s)", [rows[2 * SIZE]], output_field=IntegerField())
    queryset = Event.objects.order_by("pk").annotate(quotient=failing)
    seen = []
    with pytest.raises(DataError):
        for event in stream(queryset, chunk_size=SIZE, private=True, read_ahead=True):
            seen.append(event.pk)
    assert seen == rows[: 2 * SIZE]


def slow_behind(pk: int) -> RawSQL:
    """Return what takes minutes for each row behind that of `pk`."""
    counting = "(SELECT count(*) FROM generate_series(1, 1000000000) AS number WHERE number > id)"
    return RawSQL(f"CASE WHEN id > %s THEN {counting} END", [pk], output_field=IntegerField())


def test_leaving_does_not_wait_for_a_fetch_under_way(
    rows: list[int], nothing_left_open: Leftovers
) -> None:
    queryset = Event.objects.order_by("pk").annotate(slow=slow_behind(rows[SIZE]))
    began = time.monotonic()
    for _ in stream(queryset, chunk_size=SIZE, private=True, read_ahead=True):
        time.sleep(0.1)
        break
    assert time.monotonic() - began < 30


def test_rows_that_came_before_the_connection_was_lost_are_handed_out(rows: list[int]) -> None:
    queryset = Event.objects.order_by("pk").values_list("pk", flat=True)
    seen = []
    with pytest.raises(StreamInterrupted):
        for pk in stream(queryset, chunk_size=SIZE, private=True):
            seen.append(pk)
            if len(seen) == SIZE:
                time.sleep(0.5)  # for the second chunk to come
                kill_others()
    assert seen == rows[: 2 * SIZE]


def kill_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )


@pytest.mark.parametrize(
    "kill",
    [
        lambda: os.kill(os.getpid(), signal.SIGINT),
        # Received by the thread of the timer: the one that waits is not woken.
        lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT),
    ],
    ids=["the process", "another thread"],
)
def test_an_interrupt_ends_the_wait_for_the_server(
    rows: list[int], nothing_left_open: Leftovers, kill: Callable[[], None]
) -> None:
    queryset = Event.objects.order_by("pk").annotate(slow=slow_behind(rows[SIZE - 1]))
    interrupt = threading.Timer(0.5, kill)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in stream(queryset, chunk_size=SIZE, private=True):
            if not interrupt.ident:
                interrupt.start()
    assert time.monotonic() - began < 30


def test_a_forked_child_can_drop_the_rows_and_end(rows: list[int]) -> None:
    queryset = Event.objects.order_by("pk").annotate(slow=slow_behind(rows[SIZE - 1]))
    iterator = iter(stream(queryset, chunk_size=SIZE, private=True))
    next(iterator)
    child = os.fork()
    if child == 0:
        del iterator  # while the fetch of the next chunk is under way, in the parent
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(islice(iterator, SIZE - 1))) == SIZE - 1
    iterator.close()


LEAVING = """
import json, sys
import django
from django.conf import settings
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

database = {"ENGINE": "django.db.backends.postgresql", **json.loads(sys.argv[1])}
settings.configure(DATABASES={"default": database}, USE_TZ=True,
                   INSTALLED_APPS=["django.contrib.contenttypes"])
django.setup()
from django.contrib.contenttypes.models import ContentType
from chunkqs import stream

counting = "(SELECT count(*) FROM generate_series(1, 1000000000) AS number WHERE number > id)"
slow = RawSQL(f"CASE WHEN id > %s THEN {counting} END", [int(sys.argv[2])],
              output_field=IntegerField())
rows = iter(stream(ContentType.objects.order_by("pk").annotate(slow=slow), chunk_size=1,
                   private=True))
print(next(rows).pk)
"""


def test_a_program_ends_in_the_middle_of_a_fetch(nothing_left_open: Leftovers) -> None:
    first = ContentType.objects.order_by("pk").values_list("pk", flat=True)[0]
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    database = json.dumps({name: connection.settings_dict[name] for name in names})
    ended = subprocess.run(
        [sys.executable, "-c", LEAVING, database, str(first)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stderr, ended.stdout, ended.returncode) == ("", f"{first}\n", 0)


def test_rows_come_where_no_thread_can_be_had(
    rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    queryset = Event.objects.order_by("pk").values_list("pk", flat=True)
    assert list(iter(stream(queryset, chunk_size=SIZE, private=True))) == rows
