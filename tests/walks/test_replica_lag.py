"""A walk waits for a real replica, whose replay is paused, and goes on when it has caught up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from chunkqs.throttles import ReplicaLag
from tests.support.models import User
from tests.support.replication import is_streaming, replicated, wait_until

pytestmark = pytest.mark.database("postgresql")


@pytest.fixture(scope="module")
def primary(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Run a primary with users, and its replica."""
    folder = Path(__file__).resolve().parents[2] / ".postgres" / "replicated"
    with django_db_blocker.unblock(), replicated(folder):
        with connections["primary"].schema_editor() as editor:
            editor.create_model(User)
        User.objects.using("primary").bulk_create(User(name=str(n)) for n in range(60))
        yield


def replay(action: str) -> None:
    with connections["standby"].cursor() as cursor:
        cursor.execute(f"SELECT pg_wal_replay_{action}()")
    connections["standby"].close()  # which may be that of a timer's thread


def is_paused() -> bool:
    with connections["standby"].cursor() as cursor:
        cursor.execute("SELECT pg_get_wal_replay_pause_state()")
        return bool(cursor.fetchone() == ("paused",))


@pytest.mark.parametrize("using", ["standby", "primary"])
def test_a_walk_waits_for_a_replica_whose_replay_is_paused(
    primary: None, django_db_blocker: Any, using: str
) -> None:
    with django_db_blocker.unblock():
        throttle = ReplicaLag(0.5, using=using, interval=0.1)
        caught_up(throttle)
        moments = []
        for chunk in User.objects.using("primary").chunks(20, throttle=throttle):
            moments.append(time.monotonic())
            if chunk.number == 0:
                chunk.queryset.update(name="before")
                replay("pause")
                wait_until(is_paused)  # a pause is requested first: what arrives is still replayed
                chunk.queryset.update(name="while it is paused")
                wait_until(lambda: throttle.measure() > 0.5)
                time.sleep(0.2)  # more than the interval in which the walk asks once
                resumption = threading.Timer(2.0, replay, ["resume"])
                resumption.start()
        resumption.join()
        assert moments[1] - moments[0] > 2.0
        assert moments[2] - moments[1] < 1.5
        caught_up(throttle)


def caught_up(throttle: ReplicaLag) -> None:
    wait_until(lambda: throttle.measure() <= 0.5)


def test_a_replica_that_is_cut_off_is_behind(primary: None, django_db_blocker: Any) -> None:
    """It has replayed all that it has received, which says nothing then."""
    with django_db_blocker.unblock():
        throttle = ReplicaLag(0.5, using="standby")
        caught_up(throttle)
        before = primary_conninfo("")
        wait_until(lambda: not is_streaming())
        User.objects.using("primary").update(name="while it is cut off")
        wait_until(lambda: throttle.measure() > 0.5)
        primary_conninfo(before)
        wait_until(is_streaming)
        caught_up(throttle)


def primary_conninfo(value: str) -> str:
    """Set where the replica finds its primary; return where it was."""
    with connections["standby"].cursor() as cursor:
        cursor.execute("SHOW primary_conninfo")
        (before,) = cursor.fetchone()
        cursor.execute("ALTER SYSTEM SET primary_conninfo = %s", [value])
        cursor.execute("SELECT pg_reload_conf()")
    return str(before)
