"""Rows that are inserted, deleted and changed while they are walked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread, Timer
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F, QuerySet

from chunkqs import chunks, keyset_iter
from tests.support.models import Owner, Ranked
from tests.support.private import run, second_alias

pytestmark = pytest.mark.once_per_database

ROWS = 60
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
SEEDS = range(4)
ORDERS: dict[str, tuple[Any, ...]] = {
    "primary key": ("pk",),
    "ties and NULLs": ("maybe",),
    "descending": ("-maybe", "-number"),
    "mixed directions": ("number", "-maybe"),
    "NULLs last": (F("maybe").desc(nulls_last=True), "number"),
    "of a related row": ("owner__rank", "-number"),
}


class Writer:
    """Inserts, deletes and changes rows at random; spares those that it was told to."""

    def __init__(self, seed: int, alias: str = "default") -> None:
        self.random = random.Random(seed)
        self.rows = Ranked.objects.using(alias)
        self.owners = list(Owner.objects.using(alias).values_list("pk", flat=True))
        self.spared = set(self.rows.filter(name="spared").values_list("pk", flat=True))

    def values(self) -> dict[str, Any]:
        return {
            "number": self.random.randrange(3),
            "maybe": self.random.choice([None, 0, 1, 2]),
            "owner_id": self.random.choice([None, *self.owners]),
        }

    def write(self) -> None:
        """Make one row, take one away, change the key of one and the rest of a spared one."""
        self.rows.create(name="new", moment=MOMENT, **self.values())
        others = list(self.rows.exclude(name="spared").order_by("pk").values_list("pk", flat=True))
        self.rows.filter(pk=self.random.choice(others)).delete()
        self.rows.filter(pk=self.random.choice(others)).update(**self.values())
        spared = self.random.choice(sorted(self.spared))
        self.rows.filter(pk=spared).update(text=str(self.random.random()))


@pytest.fixture
def writer(request: pytest.FixtureRequest, db: None) -> Writer:
    return made_writer(request.param)


def made_writer(seed: int) -> Writer:
    owners = [Owner.objects.create(rank=rank) for rank in (None, 1, 1, 2)]
    source = random.Random(seed)
    for number in range(ROWS):
        Ranked.objects.create(
            name="spared" if number % 2 else "other",
            number=source.randrange(3),
            maybe=source.choice([None, 0, 1, 2]),
            owner=source.choice([None, *owners]),
            moment=MOMENT,
        )
    return Writer(seed)


def assert_spared_once(writer: Writer, seen: list[int]) -> None:
    counts = Counter(seen)
    assert {pk: counts[pk] for pk in writer.spared} == dict.fromkeys(writer.spared, 1)


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("writer", SEEDS, indirect=True)
def test_rows_that_stay_are_seen_once_whatever_the_loop_writes(
    writer: Writer, order: str, size: int
) -> None:
    seen = []
    for row in keyset_iter(Ranked.objects.order_by(*ORDERS[order]), chunk_size=size):
        seen.append(row.pk)
        assert len(seen) < 10 * ROWS, "the walk does not end"
        writer.write()
    assert_spared_once(writer, seen)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("writer", [5], indirect=True)
def test_rows_that_stay_are_seen_once_when_the_walk_is_taken_up_after_each_row(
    writer: Writer, order: str
) -> None:
    queryset = Ranked.objects.order_by(*ORDERS[order])
    until = last_token(queryset)
    seen: list[int] = []
    token = None
    while True:
        rows = keyset_iter(queryset, chunk_size=3, after=token, until=until)
        row = next(iter(rows), None)
        if row is None:
            break
        seen.append(row.pk)
        assert len(seen) < 10 * ROWS, "the walk does not end"
        token = rows.position
        writer.write()
    assert_spared_once(writer, seen)


def last_token(queryset: QuerySet[Any, Any]) -> str | None:
    rows = keyset_iter(queryset)
    assert sum(1 for _ in rows)
    return rows.position


@pytest.mark.parametrize("order", ["pk", "-pk"])
@pytest.mark.parametrize("writer", [6], indirect=True)
def test_bounded_ends_the_walk_of_a_loop_that_makes_rows(writer: Writer, order: str) -> None:
    seen = 0
    for _ in keyset_iter(Ranked.objects.order_by(order), chunk_size=5):
        seen += 1
        writer.rows.create(name="new", moment=MOMENT, **writer.values())
    assert seen == ROWS


@pytest.mark.parametrize("writer", [7], indirect=True)
def test_without_a_bound_rows_that_are_made_in_front_of_the_walk_are_seen(writer: Writer) -> None:
    seen = 0
    for _ in keyset_iter(Ranked.objects.order_by("pk"), chunk_size=5, bounded=False):
        seen += 1
        if seen <= ROWS:
            writer.rows.create(name="new", moment=MOMENT, **writer.values())
    assert seen == 2 * ROWS


@pytest.mark.parametrize("writer", [8], indirect=True)
def test_bounded_ends_the_walk_of_a_loop_that_moves_its_rows_behind_the_last(
    writer: Writer,
) -> None:
    seen = []
    for row in keyset_iter(Ranked.objects.order_by("number"), chunk_size=3):
        seen.append(row.pk)
        Ranked.objects.filter(pk=row.pk).update(number=F("number") + 100)
    assert sorted(seen) == sorted(writer.rows.values_list("pk", flat=True))


@pytest.mark.parametrize("writer", [9], indirect=True)
def test_a_walk_goes_on_when_all_of_its_rows_are_deleted(writer: Writer) -> None:
    seen = 0
    for chunk in chunks(Ranked.objects.order_by("maybe"), 7):
        seen += len(chunk)
        assert chunk.queryset.delete()[0] == len(chunk)
    assert seen == ROWS
    assert not writer.rows.exists()


@pytest.fixture
def committed(committed_db: None) -> Iterator[None]:
    yield
    Ranked.objects.all().delete()
    Owner.objects.all().delete()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("committed")
def test_rows_that_stay_are_seen_once_while_other_connections_write(seed: int, order: str) -> None:
    writer = made_writer(seed)
    with second_alias() as second:
        other = Writer(seed + 100, second.alias)
        queryset = Ranked.objects.order_by(*ORDERS[order])
        seen = []
        for row in keyset_iter(queryset, chunk_size=4):
            seen.append(row.pk)
            other.write()
    assert_spared_once(writer, seen)


@contextmanager
def writing_threads(count: int) -> Iterator[None]:
    """Let threads write without a pause, each on a connection of its own, while the block runs."""
    done = Event()

    def write(seed: int) -> None:
        writer = Writer(seed)
        while not done.is_set():
            with suppress(OperationalError):  # they are in each other's way
                writer.write()
        connection.close()

    threads = [Thread(target=write, args=[seed]) for seed in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.database("postgresql", "mysql")
@pytest.mark.parametrize("order", ["pk", "maybe"])
@pytest.mark.usefixtures("committed")
def test_rows_that_stay_are_seen_once_while_threads_write_all_the_time(order: str) -> None:
    writer = made_writer(11)
    with writing_threads(2):
        for _ in range(5):
            rows = keyset_iter(Ranked.objects.order_by(order), chunk_size=2)
            assert_spared_once(writer, [row.pk for row in rows])


@pytest.mark.database("postgresql", "mysql")
@pytest.mark.parametrize("size", [3, 5, 50])
@pytest.mark.usefixtures("committed")
def test_a_row_that_moves_while_its_lock_is_waited_for_takes_no_other_along(size: int) -> None:
    Ranked.objects.bulk_create(Ranked(name=str(n), number=n, moment=MOMENT) for n in range(20))
    queryset = Ranked.objects.select_for_update().order_by("number")
    with second_alias() as other:
        run("BEGIN", "UPDATE tests_ranked SET number = 15 WHERE name = '5'", alias=other.alias)
        commit = Timer(0.5, other.connection.cursor().execute, ["COMMIT"])
        commit.start()
        try:
            with transaction.atomic():
                names = [row.name for row in keyset_iter(queryset, chunk_size=size)]
        finally:
            commit.join()
    assert sorted(set(names) - {"5"}, key=int) == [str(n) for n in range(20) if n != 5]
    assert len(names) == len(set(names))
