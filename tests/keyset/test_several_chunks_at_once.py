"""A range of one column in the order of another: a few thousand rows are read at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from chunkqs import chunks, keyset_iter
from chunkqs.sources import several_chunks_at_once
from tests.support.models import Indexed

pytestmark = pytest.mark.database("postgresql")
ROWS = 100_000
SHAPE = (
    "INSERT INTO tests_indexed (kind, is_open, a, b, c, e, name)"
    " SELECT 'g', false, n, 0, n, n, n FROM generate_series(1, %s) AS n"
)


@pytest.fixture(scope="module", autouse=True)
def rows(committed_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(SHAPE, [ROWS])
        cursor.execute("VACUUM ANALYZE tests_indexed")
    yield
    connection.close()


def recent(rows: int = 3_000) -> QuerySet[Any, Any]:
    """Return the last rows of the table, by a column that has an index, in the order of the key."""
    return Indexed.objects.filter(a__gt=ROWS - rows).order_by("pk")


def buffers(sql: str) -> int:
    """Count the blocks that PostgreSQL looks at."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql.replace('%', '%%')}", [])
        (result,) = cursor.fetchone()
    plan = (json.loads(result) if isinstance(result, str) else result)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def taken(queryset: QuerySet[Any, Any], **options: Any) -> tuple[int, int]:
    """Return how many rows a walk has, and how many blocks its queries look at."""
    with CaptureQueriesContext(connection) as asked:
        rows = sum(1 for _ in keyset_iter(queryset, **options))
    read = [one["sql"] for one in asked.captured_queries if one["sql"].startswith("SELECT")]
    return rows, sum(buffers(sql) for sql in read if "tests_indexed" in sql)


def test_a_range_is_read_by_its_own_index(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = taken(recent(), chunk_size=500)
    monkeypatch.setattr(several_chunks_at_once, "MOST_ROWS", 0)
    by_chunk = taken(recent(), chunk_size=500)
    assert at_once[0] == by_chunk[0] == 3_000
    assert at_once[1] < by_chunk[1] / 5


def test_the_rows_are_the_same() -> None:
    expected = list(recent().values_list("pk", flat=True))
    for way, size, bounded in product((False, True), (1, 7, 1_000, None), (True, False)):
        queryset = recent().reverse() if way else recent()
        rows = keyset_iter(queryset.values_list("pk", flat=True), chunk_size=size, bounded=bounded)
        assert list(iter(rows)) == (expected[::-1] if way else expected)


def test_a_walk_goes_on_where_it_was_resumed() -> None:
    expected = list(recent().values_list("pk", flat=True))
    rows = keyset_iter(recent().values_list("pk", flat=True), chunk_size=700)
    for number, _ in enumerate(rows):
        if number % 500 == 0:
            rest = keyset_iter(
                recent().values_list("pk", flat=True), chunk_size=700, after=rows.position
            )
            assert list(iter(rest)) == expected[number + 1 :]
    for chunk in chunks(recent(), 800):
        assert [row.pk for row in chunk.queryset] == [row.pk for row in chunk]


def test_an_estimate_that_is_wrong_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(recent().values_list("pk", flat=True))
    for limit in (50, 150, 1_000):
        monkeypatch.setattr(several_chunks_at_once.Stock, "most_rows", limit)
        rows = keyset_iter(recent().values_list("pk", flat=True), chunk_size=100)
        assert list(iter(rows)) == expected


def test_what_is_inserted_meanwhile_is_not_walked() -> None:
    walk = iter(keyset_iter(recent(), chunk_size=100))
    seen = [row.pk for row in islice(walk, 150)]
    Indexed.objects.create(a=ROWS + 1, e=ROWS + 1)
    seen += [row.pk for row in walk]
    assert len(seen) == 3_000
    Indexed.objects.filter(a=ROWS + 1).delete()


def test_large_ranges_and_large_rows_are_read_by_the_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def most_asked_for(queryset: QuerySet[Any, Any]) -> int:
        with CaptureQueriesContext(connection) as asked:
            next(iter(keyset_iter(queryset, chunk_size=100)))
        read = [one["sql"] for one in asked.captured_queries if one["sql"].startswith("SELECT")]
        limits = [sql.rpartition("LIMIT ")[2] for sql in read if 'FROM "tests_indexed"' in sql]
        return max(map(int, limits))

    assert most_asked_for(recent()) == 10_000
    assert most_asked_for(recent(20_000)) == 101
    monkeypatch.setattr(several_chunks_at_once, "MOST_BYTES", 10_000)
    assert most_asked_for(recent()) == 101
