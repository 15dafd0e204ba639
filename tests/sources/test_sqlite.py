"""Streams on SQLite, whose cursors share the caller's connection and see what it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber

from chunkqs import StreamInterrupted, chunks, keyset_iter, stream
from tests.support.exactness.kinds import run, unmanaged
from tests.support.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("sqlite")]

ROWS = 500
FAR_TOO_MANY = 5 * ROWS

QUERYSETS: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "without an order": lambda: User.objects.all(),
    "by primary key": lambda: User.objects.order_by("pk"),
    "by an index": lambda: User.objects.order_by("email"),
    "values": lambda: User.objects.values_list("pk", "name"),
    "distinct": lambda: User.objects.distinct(),
    "filtered": lambda: User.objects.filter(name__startswith="user").exclude(name="x"),
    "by an annotation": lambda: User.objects.annotate(other=F("name")).order_by("other"),
    "grouped": lambda: User.objects.values("pk").annotate(Count("name")),
    "numbered": lambda: User.objects.annotate(number=Window(RowNumber(), order_by="pk")),
}


@pytest.fixture(autouse=True)
def users(transactional_db: None) -> None:
    User.objects.bulk_create(
        User(name=f"user {n}", email=f"user{n:05}@example.com") for n in range(ROWS)
    )


@pytest.mark.parametrize("name", QUERYSETS)
@pytest.mark.parametrize("is_atomic", [False, True])
def test_a_loop_that_inserts_what_it_streams_ends(name: str, is_atomic: bool) -> None:
    expected = list(QUERYSETS[name]())
    seen = []
    with transaction.atomic() if is_atomic else nullcontext():
        for number, row in enumerate(stream(QUERYSETS[name]())):
            seen.append(row)
            User.objects.create(name=f"user new {number}", email=f"z{number:05}@example.com")
            assert number < FAR_TOO_MANY
    assert seen == expected


def test_no_row_is_left_out_of_an_empty_table_or_after_deletions() -> None:
    User.objects.filter(pk__gt=User.objects.order_by("pk")[10].pk).delete()
    assert list(stream(User.objects.all())) == list(User.objects.all())
    User.objects.all().delete()
    assert list(stream(User.objects.all())) == []


OTHERS = {
    "view": "CREATE VIEW others AS SELECT id, name FROM {users}",
    "without row numbers": "CREATE TABLE others (id integer PRIMARY KEY, name text) WITHOUT ROWID",
}


@pytest.fixture
def other(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield the model of something that has no numbers of its rows."""
    users = User._meta.db_table
    statement = OTHERS[request.param]
    run(statement.format(users=users))
    if "TABLE" in statement:
        run(f"INSERT INTO others SELECT id, name FROM {users}")
    key = models.IntegerField(primary_key=True)
    yield unmanaged("others", id=key, name=models.CharField(max_length=99))
    run(f"DROP {statement.split()[1]} others")


@pytest.mark.parametrize("other", OTHERS, indirect=True)
@pytest.mark.parametrize("is_atomic", [False, True])
def test_what_has_no_row_numbers_is_streamed(other: Any, is_atomic: bool) -> None:
    rows = other.objects.values_list("pk", "name")
    with transaction.atomic() if is_atomic else nullcontext():
        assert list(iter(stream(rows, chunk_size=50))) == list(rows)


def test_combined_and_sliced_rows_are_streamed() -> None:
    users = User.objects.order_by("pk")
    unordered = User.objects.all()
    for rows in (users[10:400], unordered.filter(pk__gt=100).union(unordered.filter(pk__lt=90))):
        assert list(iter(stream(rows, chunk_size=50))) == list(rows)


def closes_in_its_loop(walk: Callable[[QuerySet[Any]], Iterable[Any]]) -> tuple[list[Any], bool]:
    """Return what a loop got that closes the connection, and whether it was interrupted."""
    seen: list[Any] = []
    try:
        for row in walk(User.objects.order_by("pk")):
            seen += row if isinstance(row, list) else [row]
            connection.close()
    except StreamInterrupted:
        return seen, True
    return seen, False


def test_a_connection_that_is_closed_in_the_loop_interrupts_a_stream() -> None:
    seen, is_interrupted = closes_in_its_loop(lambda rows: stream(rows, chunk_size=10))
    assert is_interrupted
    users = User.objects.order_by("pk")
    assert seen == list(users[: len(seen)])
    users.update(name="free")  # nothing of the walk holds the lock
    assert len(seen) == 10


@pytest.mark.parametrize("walk", [keyset_iter, lambda rows: chunks(rows, 50)])
def test_a_connection_that_is_closed_in_the_loop_is_opened_again_by_keyset(walk: Any) -> None:
    seen, is_interrupted = closes_in_its_loop(walk)
    assert not is_interrupted
    assert seen == list(User.objects.order_by("pk"))


def test_a_stream_that_was_interrupted_stays_so() -> None:
    iterator = iter(stream(User.objects.order_by("pk"), chunk_size=10))
    assert next(iterator)
    connection.close()
    for _ in range(9):
        next(iterator)
    for _ in range(2):
        with pytest.raises(StreamInterrupted):
            next(iterator)
