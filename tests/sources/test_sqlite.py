"""Streams on SQLite, whose cursors share the caller's connection and see what it writes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber

from chunkqs import StreamInterrupted, chunks, keyset_iter, stream
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


@pytest.mark.parametrize(
    "table",
    [
        "CREATE VIEW others AS SELECT * FROM {users}",
        "CREATE TABLE others (id integer PRIMARY KEY, name text, email text, active bool)"
        " WITHOUT ROWID",
    ],
)
def test_what_has_no_row_numbers_is_streamed(table: str) -> None:
    users = User._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(table.format(users=users))
        if "WITHOUT" in table:
            cursor.execute(f"INSERT INTO others SELECT id, name, email, active FROM {users}")
    rows = User.objects.values_list("pk", flat=True)
    expected = list(rows)
    try:
        User._meta.db_table = "others"
        assert list(stream(User.objects.values_list("pk", flat=True))) == expected
    finally:
        User._meta.db_table = users
        with connection.cursor() as cursor:
            cursor.execute(f"DROP {table.split()[1]} others")


@pytest.mark.parametrize("walk", [stream, keyset_iter, lambda rows: chunks(rows, 50)])
def test_a_connection_that_is_closed_in_the_loop_interrupts_or_goes_on(walk: Any) -> None:
    seen: list[Any] = []
    if walk is stream:
        with pytest.raises(StreamInterrupted):
            for row in walk(User.objects.order_by("pk")):
                seen.append(row)
                connection.close()
        assert seen == list(User.objects.order_by("pk")[: len(seen)])
        return
    for row in walk(User.objects.order_by("pk")):
        seen.append(row)
        connection.close()
    assert sum(len(row) if isinstance(row, list) else 1 for row in seen) == ROWS


def test_a_connection_that_is_closed_interrupts_inside_of_a_generator_and_aiter() -> None:
    iterator = iter(stream(User.objects.order_by("pk"), chunk_size=10))
    assert next(iterator)
    connection.close()
    list(zip(range(9), iterator, strict=False))
    with pytest.raises(StreamInterrupted):
        next(iterator)
    with pytest.raises(StreamInterrupted):
        next(iterator)
