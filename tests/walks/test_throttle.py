"""A walk waits before a chunk as long as its throttle says."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import NotSupportedError, connection
from django.test.utils import CaptureQueriesContext
from django.utils.connection import ConnectionDoesNotExist

from chunkqs.throttles import ActiveQueries, Condition, DutyCycle, ReplicaLag
from tests.support import clock as clocks
from tests.support.clock import Clock
from tests.support.models import User
from tests.support.rows import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return clocks.install(monkeypatch)


@pytest.fixture
def users(db: None) -> None:
    make(User, 50)


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("walk", ["chunks", "keyset_iter"])
def test_a_throttle_is_asked_before_each_chunk(clock: Clock, walk: str) -> None:
    answers = iter([0.5, 0, 2, 0.25, 0, 0])
    size = {"chunks": {"size": 10}, "keyset_iter": {"chunk_size": 10}}[walk]
    rows = getattr(User.objects, walk)(**size, throttle=lambda: next(answers))
    assert len(list(iter(rows))) == (5 if walk == "chunks" else 50)
    assert clock.slept == [0.5, 2, 0.25]


@pytest.mark.usefixtures("users")
def test_no_query_runs_while_a_walk_waits(clock: Clock) -> None:
    with CaptureQueriesContext(connection) as queries:
        chunks = iter(User.objects.chunks(10, throttle=lambda: len(queries) and 0.1))
        next(chunks)
        assert clock.slept == []
        next(chunks)
    assert clock.slept == [0.1]


@pytest.mark.usefixtures("users")
def test_a_condition_is_asked_again_until_it_holds(clock: Clock) -> None:
    class Load(Condition):
        figures = iter([9, 8, 2, 3, 4])

        def measure(self) -> float:
            return next(self.figures)

    chunks = User.objects.chunks(25, throttle=Load(5, interval=3))
    for _ in chunks:
        clock.pass_(10)
    assert clock.slept == [3, 3]


@pytest.mark.usefixtures("users")
def test_a_condition_is_looked_at_once_in_an_interval(clock: Clock) -> None:
    looks = []

    class Load(Condition):
        def measure(self) -> float:
            looks.append(clock.now)
            return 0

    for _ in User.objects.chunks(5, throttle=Load(5, interval=1)):
        clock.pass_(0.4)
    assert len(looks) == 4


@pytest.mark.usefixtures("users")
def test_a_duty_cycle_works_for_its_share_of_the_time(clock: Clock) -> None:
    throttle = DutyCycle(0.25)
    for _ in range(2):  # the second walk knows nothing of the first
        clock.slept.clear()
        clock.pass_(1000)
        for chunk in User.objects.chunks(10, throttle=throttle):
            clock.pass_(2 if chunk.number < 2 else 1)
        assert clock.slept == [6, 6, 3, 3, 3]


@pytest.mark.django_db
def test_waits_do_not_count_for_target_seconds(clock: Clock) -> None:
    make(User, 300)
    sizes = []
    for chunk in User.objects.chunks(target_seconds=1, throttle=lambda: 50.0):
        sizes.append(len(chunk))
        clock.pass_(len(chunk) * 0.25)
    assert set(sizes[3:-1]) == {4}


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("answer", "error"),
    [(None, TypeError), ("1", TypeError), (True, TypeError), (-1, ValueError)]
    + [(float("nan"), ValueError), (float("inf"), ValueError), (1e300, ValueError)],
)
def test_an_answer_that_is_no_time_raises(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="throttle"):
        next(iter(User.objects.chunks(10, throttle=lambda: answer)))


@pytest.mark.usefixtures("users")
def test_what_a_throttle_raises_ends_the_walk_where_it_can_go_on() -> None:
    answers = iter([0, 0])
    rows = User.objects.keyset_iter(chunk_size=10, throttle=lambda: next(answers))
    seen = []
    with pytest.raises(RuntimeError, match="generator|StopIteration|throttle"):
        for row in rows:
            seen.append(row.pk)
    rest = [row.pk for row in User.objects.keyset_iter(after=rows.position)]
    assert seen + rest == list(User.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("throttle", [5, "fast", object()])
def test_what_cannot_be_asked_is_refused_at_the_call(throttle: Any) -> None:
    for walk in (User.objects.chunks, User.objects.keyset_iter):
        with pytest.raises(TypeError, match="throttle"):
            walk(throttle=throttle)


@pytest.mark.parametrize(
    ("make_throttle", "error"),
    [
        (lambda: DutyCycle(0), ValueError),
        (lambda: DutyCycle(1.5), ValueError),
        (lambda: DutyCycle("all"), TypeError),
        (lambda: ReplicaLag(-1), ValueError),
        (lambda: ReplicaLag(None), TypeError),
        (lambda: ReplicaLag(5, using="nowhere"), ConnectionDoesNotExist),
        (lambda: ActiveQueries(5, interval=0), ValueError),
    ],
)
def test_wrong_arguments_of_throttles_raise(make_throttle: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make_throttle()


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("kind", [ReplicaLag, ActiveQueries])
def test_a_database_without_the_figure_is_refused(kind: Any) -> None:
    with pytest.raises(NotSupportedError, match="SQLite"):
        kind(5)


SLEEP = {"postgresql": "SELECT pg_sleep(3)", "mysql": "SELECT SLEEP(3)"}


@pytest.mark.database("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_a_walk_waits_while_others_are_busy() -> None:
    make(User, 10)

    def be_busy() -> None:
        with connection.cursor() as cursor:  # this thread's own
            cursor.execute(SLEEP[connection.vendor])
        connection.close()

    busy = threading.Thread(target=be_busy)
    busy.start()
    throttle = ActiveQueries(0, interval=0.1)
    while throttle.measure() < 1:
        assert busy.is_alive()
        time.sleep(0.01)
    assert len(list(iter(User.objects.chunks(20, throttle=throttle)))) == 1
    busy.join(0.5)
    assert not busy.is_alive()
    assert throttle.measure() == 0


@pytest.mark.database("mysql")
def test_a_primary_that_knows_no_lag_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="no replica"):
        ReplicaLag(5).measure()


@pytest.mark.database("postgresql")
def test_a_primary_without_replicas_has_no_lag() -> None:
    assert ReplicaLag(5).measure() == 0
