"""Values that a database sorts, compares or shows in ways of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.db.models import F

from chunkqs import chunks, keyset_iter
from chunkqs.databases import database_of
from chunkqs.databases.mysql.sort_length import KNOWN, MOST_BYTES
from chunkqs.errors import KeysetError
from tests.support.models import Awkward

pytestmark = pytest.mark.django_db
ROWS = 40
NUMBERS = random.Random(3).sample(range(ROWS), ROWS)


def numbered(order: str, size: int) -> list[int]:
    """Walk in an order, both ways, and name the rows by the numbers that their values end with."""
    queryset = Awkward.objects.order_by(order)
    rows = list(iter(keyset_iter(queryset, chunk_size=size)))
    back = [row.pk for row in keyset_iter(queryset.reverse(), chunk_size=size)]
    assert back == [row.pk for row in reversed(rows)]
    return [int(getattr(row, order.lstrip("-"))[-3:]) for row in rows]


@pytest.mark.parametrize("length", [100, 250, 256, 390, 512, 1024, 5000])
def test_long_values_that_differ_at_their_ends_are_walked_in_order(length: int) -> None:
    """MySQL and MariaDB sort by the first `max_sort_length` bytes of a value alone."""
    Awkward.objects.bulk_create(
        Awkward(
            text="a" * length + f"{number:03}",
            name="a" * min(length, 390) + f"{number:03}",
            data=b"a" * length + b"%03d" % number,
        )
        for number in NUMBERS
    )
    for order in ("text", "name", "data"):
        assert numbered(order, 7) == list(range(ROWS))
        assert numbered(f"-{order}", 1) == list(range(ROWS))[::-1]


@pytest.fixture
def sort_length() -> Iterator[Callable[[int], None]]:
    """Return what has the session sort by so many bytes, where it sorts by some alone."""

    def set_length(value: object) -> None:
        KNOWN.clear()
        if connection.vendor == "mysql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET max_sort_length = {value}")

    yield set_length
    set_length("DEFAULT")


@pytest.mark.parametrize("length", [64, 1024, 5000])
def test_long_values_are_walked_in_order_from_each_of_them(
    length: int, sort_length: Callable[[int], None]
) -> None:
    """The last row that is read with a chunk may be short, and its other rows out of order."""
    sort_length(length)
    texts = [f"{'a' * length}{number % 10}" for number in NUMBERS] + ["b"] * 5
    Awkward.objects.bulk_create(Awkward(text=text) for text in texts)
    rows = Awkward.objects.order_by("text")
    keyed = {row.pk: row.text for row in rows}
    expected = sorted(keyed, key=lambda pk: (keyed[pk], pk))
    walk = keyset_iter(rows, chunk_size=3)
    reached = [(row.pk, walk.position) for row in walk]
    assert [pk for pk, _ in reached] == expected
    for number, (_, token) in enumerate(reached):
        rest = [row.pk for row in keyset_iter(rows, chunk_size=3, after=token)]
        assert rest == expected[number + 1 :]


def test_long_values_among_short_ones() -> None:
    texts = [letter * length for letter in "ab" for length in (1, 127, 128, 300, 1024, 3000)]
    Awkward.objects.bulk_create(Awkward(text=text) for text in texts * 3)
    for size in (1, 4, 100):
        got = [len(chunk[0].text) for chunk in chunks(Awkward.objects.order_by("text"), 3)]
        assert got == [len(text) for text in texts]
        rows = keyset_iter(Awkward.objects.order_by("text"), chunk_size=size)
        assert len({row.pk for row in rows}) == len(texts) * 3


@pytest.mark.database("mysql")
def test_a_value_that_cannot_be_sorted_by_is_an_error() -> None:
    with pytest.raises(KeysetError, match="can sort by"):
        database_of(connection).sort_bytes((1, b"a" * MOST_BYTES))


@pytest.mark.parametrize("order", ["single", "-single"])
def test_floats_of_four_bytes_are_compared_as_they_are_stored(order: str) -> None:
    Awkward.objects.bulk_create(Awkward(single=n / 10) for n in range(-10, 11) for _ in range(2))
    Awkward.objects.create(single=16777217.0)
    queryset = Awkward.objects.order_by(order, "pk")
    expected = [row.pk for row in queryset]
    for size in (1, 3):
        assert [row.pk for row in keyset_iter(queryset, chunk_size=size)] == expected
    doubled = Awkward.objects.annotate(double=F("single") * 2).order_by("double")
    assert len(list(iter(keyset_iter(doubled, chunk_size=1)))) == len(expected)
