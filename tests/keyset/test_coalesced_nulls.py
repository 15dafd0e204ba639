"""COALESCE() of a column whose type lacks the last value, which MariaDB makes NULL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Concat

from chunkqs import KeysetPaginator, partition, partitions
from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact
from tests.support.paging import forward

pytestmark = pytest.mark.database("mysql")

TYPES = {
    "uuid": "00000000-0000-0000-0000-00000000000",
    "inet4": "10.0.0.",
    "inet6": "::",
    "datetime(6)": "2024-01-0",
}
ROWS = 11


@pytest.fixture(params=TYPES)
def model(committed_db: None, request: pytest.FixtureRequest) -> Iterator[Any]:
    is_mariadb = connection.mysql_is_mariadb  # type: ignore[attr-defined]
    kind = request.param if is_mariadb else "datetime(6)"
    run("SET sql_mode = ''")
    run(f"CREATE TABLE exact_coalesced (id int PRIMARY KEY, v {kind} NULL)")
    for number in range(ROWS):
        value = f"{TYPES[kind]}{1 + number % 4}" if number % 3 else None
        run("INSERT INTO exact_coalesced VALUES (%s, %s)", number * 5 % ROWS, value)
    yield unmanaged(
        "exact_coalesced",
        id=models.IntegerField(primary_key=True),
        v=models.CharField(max_length=60, null=True),
    )
    run("DROP TABLE exact_coalesced")
    connection.close()


@pytest.mark.parametrize("order", ["x", "-x"])
@pytest.mark.parametrize("value", ["no such value", "", "0"])
@pytest.mark.parametrize("within", [lambda x: x, lambda x: Concat(x, x)], ids=["alone", "within"])
def test_a_null_in_place_of_the_last_value_is_walked(
    model: Any, value: str, order: str, within: Any
) -> None:
    rows = model.objects.annotate(x=within(Coalesce(F("v"), Value(value))))
    oracle = Oracle.of_keys(rows, order, sizes=(1, 2, 3))
    assert_exact(oracle)
    ranges = partitions(oracle.queryset, size=2)
    parts = [row for part in ranges for row in partition(oracle.queryset, part)]
    assert parts == list(oracle.expected)
    pages = forward(KeysetPaginator(oracle.queryset, 2))
    assert [row for page in pages for row in page] == list(oracle.expected)
