"""Partitions by what PostgreSQL's planner knows: even, and without reading the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext

from chunkqs.databases.distribution import Step
from chunkqs.databases.postgresql.histograms import _steps
from chunkqs.partitions import boundaries_by_statistics
from tests.support.keysets import pks
from tests.support.models import Deep, DeepPart
from tests.support.work import buffers

pytestmark = [pytest.mark.database("postgresql"), pytest.mark.usefixtures("skewed_rows")]

ROWS = 200_000
#: The key has gaps of a million, the numbers are skewed, two kinds of five hold most rows, and a
#: third of `maybe` is NULL.
SKEWED = f"""
    INSERT INTO tests_deep (id, kind, few, number, maybe, name, moment)
    SELECT n + CASE WHEN n > 150000 THEN n / 1000 * 1000000 ELSE 0 END,
        CASE WHEN n % 10 < 6 THEN 'a' WHEN n % 10 < 9 THEN 'b' ELSE (n % 3)::text END,
        NULLIF(n % 4, 0), power(n % 1000, 4)::bigint % 2000000000,
        CASE WHEN n % 3 > 0 THEN n END, md5(n::text)::varchar(20),
        TIMESTAMPTZ '2024-01-01 00:00Z' + (n * n % 1000003) * INTERVAL '1 second'
    FROM generate_series(1::bigint, {ROWS}) AS n
"""
PARTS = """
    INSERT INTO tests_deeppart (tenant, number)
    SELECT n % 7 % 3, n FROM generate_series(1, 100000) AS n
"""


@pytest.fixture(scope="module")
def skewed_rows(committed_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SKEWED)
        cursor.execute(PARTS)
        cursor.execute("VACUUM ANALYZE tests_deep")
        cursor.execute("VACUUM ANALYZE tests_deeppart")


def sizes(queryset: QuerySet[Any], n: int) -> list[int]:
    """Return the rows of each partition, which together are all of them."""
    found = [queryset.partition(partition).count() for partition in queryset.partitions(n)]
    assert sum(found) == queryset.count()
    assert len(found) == n
    return found


EVEN: dict[str, Callable[[], QuerySet[Any]]] = {
    "key": lambda: Deep.objects.all(),
    "key, descending": lambda: Deep.objects.order_by("-pk"),
    "few values": lambda: Deep.objects.order_by("kind"),
    "few values, then others": lambda: Deep.objects.order_by("-kind", "number"),
    "NULLs": lambda: Deep.objects.order_by("maybe"),
    "NULLs first": lambda: Deep.objects.order_by(F("few").asc(nulls_first=True), "-number"),
    "skewed numbers": lambda: Deep.objects.order_by("number", "id"),
    "text": lambda: Deep.objects.order_by("name"),
    "moments": lambda: Deep.objects.order_by("-moment"),
    "composite key": lambda: DeepPart.objects.all(),
}
FILTERED: dict[str, Callable[[], QuerySet[Any]]] = {
    "by another column": lambda: Deep.objects.filter(kind="a"),
    "by a rare value": lambda: Deep.objects.filter(kind="1"),
    "by a part of the key": lambda: Deep.objects.filter(maybe__gt=190_000).order_by("maybe"),
    "by both ends of the key": lambda: Deep.objects.filter(maybe__range=(1_000, 9_000)).order_by(
        "-maybe"
    ),
    "by a value of the order": lambda: Deep.objects.filter(kind="b").order_by("kind", "number"),
    "NULLs": lambda: Deep.objects.filter(number__gt=1000).order_by("maybe"),
}


@pytest.mark.parametrize("name", EVEN)
def test_partitions_of_a_table_are_even(name: str) -> None:
    found = sizes(EVEN[name](), 8)
    assert max(found) <= 1.4 * min(found), found


@pytest.mark.parametrize("name", FILTERED)
def test_partitions_of_a_filtered_table_are_even(name: str) -> None:
    found = sizes(FILTERED[name](), 8)
    assert max(found) <= 3 * min(found), found


@pytest.mark.parametrize("name", EVEN)
def test_the_expected_rows_are_about_right(name: str) -> None:
    queryset = EVEN[name]()
    for partition in queryset.partitions(8):
        rows = queryset.partition(partition).count()
        assert rows / 1.3 < partition.rows < rows * 1.3


@pytest.mark.parametrize("name", ["key", "NULLs", "composite key", "few values, then others"])
@pytest.mark.parametrize("n", [2, 8, 64])
def test_the_table_is_not_read(name: str, n: int) -> None:
    queryset = EVEN[name]()
    queryset.partitions(n)  # asks what is asked once a connection
    with CaptureQueriesContext(connection) as queries:
        partitions = queryset.partitions(n)
    assert 0.9 * n <= len(partitions) <= n
    assert len(queries) <= 6
    # The table has more than 2,500 blocks. How many of the catalogue's are looked at depends on
    # how often other tests have analyzed their tables.
    assert buffers(lambda: queryset.partitions(n)) <= 200 + 12 * n


def test_more_partitions_than_one_statement_finds_are_even() -> None:
    queryset = Deep.objects.order_by("maybe", "id")
    found = [queryset.partition(partition).count() for partition in queryset.partitions(450)]
    assert sum(found) == ROWS
    assert 440 <= len(found) <= 450
    assert max(found) <= 4 * ROWS / 450


ANY: dict[str, Callable[[], QuerySet[Any]]] = {
    "common text": lambda: Deep.objects.order_by("kind", "number", "id"),
    "common text, descending": lambda: Deep.objects.order_by("-kind", "-id"),
    "text of a given width": lambda: Deep.objects.order_by("name", "id"),
    "numbers": lambda: Deep.objects.order_by("few", "-number", "maybe", "id"),
    "NULLs first, and nothing else": lambda: Deep.objects.order_by(
        "kind", F("maybe").asc(nulls_first=True), "id"
    ),
    "moments": lambda: Deep.objects.order_by("moment", "kind", "id"),
}


@pytest.fixture(params=[1, 3, 100])
def coarse(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the planner know few values of each column, and others than there are by now."""
    columns = ("kind", "few", "number", "maybe", "name", "moment")
    altered = ", ".join(f"ALTER {name} SET STATISTICS {request.param}" for name in columns)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tests_deep WHERE id % 10 > 0")
        cursor.execute("UPDATE tests_deep SET moment = moment - INTERVAL '1 year' WHERE few = 1")
        cursor.execute("ALTER TABLE tests_deep ALTER name TYPE char(20)")
        cursor.execute(f"ALTER TABLE tests_deep {altered}")
        cursor.execute("UPDATE tests_deep SET name = '7' WHERE id % 3 = 0")
        cursor.execute("ANALYZE tests_deep")
        cursor.execute("UPDATE tests_deep SET maybe = NULL WHERE kind = 'b' OR few = 2")
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("name", ANY)
def test_each_row_is_in_one_partition_whatever_the_statistics_say(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundaries_by_statistics, "FEW_ROWS", 1)
    queryset = ANY[name]()
    found = [pks(queryset.partition(partition)) for partition in queryset.partitions(60)]
    assert sum(found, []) == pks(queryset)
    assert len(found) > 10


def test_common_values_divide_what_lies_between_two_bounds() -> None:
    known = [("a", None), ("b", 0.2), ("c", None), ("d", None), ("e", 0.1)]
    steps = _steps(known, nulls=0.1)
    assert steps == [
        Step("a", "b", pytest.approx(0.15)),
        Step("b", "b", 0.2),
        Step("b", "c", pytest.approx(0.15)),
        Step("c", "d", pytest.approx(0.3)),
        Step("e", "e", 0.1),
    ]
