"""A chunk begins with the row that was seen after the one before, or the database says why not."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chunkqs import KeysetError, chunks, keyset_iter
from chunkqs.databases import database_of
from chunkqs.databases.value_transport import Transport
from chunkqs.keyset import total_order
from tests.support.models import Ranked

pytestmark = pytest.mark.django_db
ROWS = 30


@pytest.fixture(autouse=True)
def rows() -> None:
    make(range(ROWS))


def make(numbers: Any) -> None:
    Ranked.objects.bulk_create(
        Ranked(name=f"{n:03}", number=n, moment="2024-01-01T00:00Z") for n in numbers
    )


def statements(size: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        list(iter(keyset_iter(Ranked.objects.all(), chunk_size=size, bounded=False)))
    return sum("SELECT" in query["sql"] and "EXPLAIN" not in query["sql"] for query in captured)


def test_the_row_after_a_chunk_tells_the_end_without_a_query_of_its_own() -> None:
    assert statements(ROWS) == 1
    # One more reads the scope or, where there is none, looks for the first position.
    assert statements(ROWS // 2) == 2 + 1
    assert statements(ROWS // 3) == 3 + 1


@pytest.mark.parametrize("size", [1, 2, 7])
def test_rows_that_others_delete_or_insert_meanwhile_are_no_error(size: int) -> None:
    got: list[int] = []
    for chunk in chunks(Ranked.objects.order_by("number"), size, bounded=False):
        got += [row.number for row in chunk]
        last = got[-1]
        if last % 2 == 0 and last < ROWS:
            Ranked.objects.filter(number=last + 1).delete()
        if last == 9:
            make([10, 11])
    assert got == sorted(got)
    assert set(got) >= set(range(0, ROWS, 2))


def test_a_chunk_that_is_deleted_and_all_of_its_neighbours_end_no_walk() -> None:
    for chunk in chunks(Ranked.objects.order_by("name"), 4):
        chunk.queryset.delete()
        Ranked.objects.filter(number__lte=chunk[-1].number + 2).delete()
    assert not Ranked.objects.exists()


@pytest.mark.database("sqlite")
def test_a_row_that_ties_with_the_end_of_a_chunk_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two rows that are equal to the database, and not to Python."""
    from django.db.models.functions import Collate

    monkeypatch.setattr(total_order, "_is_total", lambda *args: True)
    Ranked.objects.update(name="a")
    Ranked.objects.filter(number__gte=15).update(name="A")
    Ranked.objects.filter(number__in=range(2, 15)).delete()
    Ranked.objects.filter(number__in=range(17, 30)).delete()
    Ranked.objects.filter(number__in=[0, 15]).update(name="b")
    by_case = Ranked.objects.order_by(Collate("name", "NOCASE"))
    with pytest.raises(KeysetError, match=r"stream\(\)"):
        list(iter(keyset_iter(by_case, chunk_size=1, bounded=False)))


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_walk_that_goes_back_ends(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the clocks are put back, and a time is shown that was shown before."""

    def shown(value: Any) -> Any:
        return value - 10 if isinstance(value, int) and 12 < value < 25 else value

    database = type(database_of(connection))
    transport = Transport("+(", ")", shown, sorts=True)
    plain = database.likely_transport
    monkeypatch.setattr(
        database,
        "likely_transport",
        lambda self, field: transport if field.name == "number" else plain(self, field),
    )
    got: list[int] = []
    with pytest.raises(KeysetError, match="did not advance"):
        for row in keyset_iter(Ranked.objects.order_by("number"), chunk_size=size, bounded=False):
            got.append(row.number)
            assert len(got) < 2 * ROWS
    assert got == list(range(len(got)))
