"""The oracle: partitions together are the queryset, each row in exactly one, in its order."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from hypothesis import given
from hypothesis import strategies as st

import chunkqs
from chunkqs.keyset.keyset import keyset_of
from chunkqs.partitions import boundaries_by_statistics
from tests.keyset.test_oracle import GROUPS, case, cases, relaxed
from tests.support.keysets import fill, pks
from tests.support.models import Ranked

pytestmark = pytest.mark.usefixtures("groups")


@pytest.fixture(scope="module")
def groups(committed_db: None) -> None:
    fill(GROUPS, most=40, seed=20240331)


def parts(queryset: QuerySet[Any], partitions: Any) -> list[list[Any]]:
    """Return the rows of each partition, each found by its token."""
    return [pks(chunkqs.partition(queryset, str(partition))) for partition in partitions]


@relaxed
@given(chosen=cases(), n=st.integers(1, 12))
def test_so_many_partitions_are_the_ordered_result(chosen: Any, n: int) -> None:
    queryset, expected = case(*chosen)
    partitions = chunkqs.partitions(queryset, n)
    found = parts(queryset, partitions)
    assert sum(found, []) == expected
    assert len(found) == max(1, min(n, len(expected)))
    assert [partition.rows for partition in partitions] == list(map(len, found))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@relaxed
@given(chosen=cases(), size=st.integers(1, 50))
def test_partitions_of_a_size_are_the_ordered_result(chosen: Any, size: int) -> None:
    queryset, expected = case(*chosen)
    partitions = list(chunkqs.partitions(queryset, size=size))
    found = parts(queryset, partitions)
    assert found == ([expected[i : i + size] for i in range(0, len(expected), size)] or [[]])
    assert [partition.rows for partition in partitions] == list(map(len, found))
    assert [partition.number for partition in partitions] == list(range(len(found)))


@relaxed
@given(chosen=cases(), size=st.integers(1, 50), chunk=st.integers(1, 20))
def test_walks_over_the_partitions_are_the_ordered_result(
    chosen: Any, size: int, chunk: int
) -> None:
    queryset, expected = case(*chosen)
    rows: list[Any] = []
    for partition in chunkqs.partitions(queryset, size=size):
        part = chunkqs.partition(queryset.values_list("pk", flat=True), partition)
        rows += chunkqs.keyset_iter(part, chunk_size=chunk)
        assert list(chunkqs.stream(part)) == rows[-len(part) :] if len(part) else True
    assert rows == expected


@pytest.fixture
def analyzed(groups: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the planner know the few rows of these tables, and partitions go by that."""
    monkeypatch.setattr(boundaries_by_statistics, "FEW_ROWS", 1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tests_ranked")


@pytest.mark.database("postgresql")
@pytest.mark.usefixtures("analyzed")
@relaxed
@given(chosen=cases(), n=st.integers(1, 40), whole=st.booleans())
def test_partitions_by_statistics_are_the_ordered_result(chosen: Any, n: int, whole: bool) -> None:
    queryset, expected = case(*chosen)
    if whole:
        queryset = unfiltered(queryset)
        expected = pks(queryset)
    found = parts(queryset, chunkqs.partitions(queryset, n))
    assert sum(found, []) == expected
    assert 1 <= len(found) <= n


def unfiltered(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return the whole table in the same order, made total."""
    terms = queryset.query.order_by
    rows = Ranked.objects.annotate(twice=F("number") * 2).order_by(*terms)
    tie = "-pk" if keyset_of(rows).columns[-1].descending else "pk"
    return rows.order_by(*terms, tie)
