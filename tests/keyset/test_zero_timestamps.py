"""Expressions of zero timestamps, which MariaDB sorts among the NULLs though they are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Case, F, Max, Min, When
from django.db.models.functions import Coalesce, Greatest, Least, NullIf, TruncDay, TruncHour

from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

pytestmark = pytest.mark.database("mysql")

VALUES = ["0000-00-00", "2024-01-01 01:00:00.000001", None, "2024-01-01"]
ROWS = 11
SORTED_AS_NULL = {
    "coalesce": lambda: Coalesce("v", "v"),
    "case": lambda: Case(When(id__gt=5, then=F("v")), default=F("w")),
    "least": lambda: Least("v", "w"),
    "greatest": lambda: Greatest("v", "w"),
    "nullif": lambda: NullIf("v", "w"),
}
WALKED = {
    "column": lambda: F("v"),
    "day": lambda: TruncDay("v"),
    "hour": lambda: TruncHour("v"),
    "max": lambda: Max("v"),
    "min": lambda: Min("v"),
}


@pytest.fixture(params=["timestamp", "timestamp(6)", "datetime(6)"])
def model(committed_db: None, request: pytest.FixtureRequest) -> Iterator[Any]:
    kind = request.param
    run("SET sql_mode = ''")
    run(f"CREATE TABLE exact_zeros (id int PRIMARY KEY, v {kind} NULL, w {kind} NULL)")
    for number in range(ROWS):
        values = VALUES[number % 4], VALUES[number * 3 % 4]
        run("INSERT INTO exact_zeros VALUES (%s, %s, %s)", number * 5 % ROWS, *values)
    yield unmanaged(
        "exact_zeros",
        id=models.IntegerField(primary_key=True),
        v=models.DateTimeField(null=True),
        w=models.DateTimeField(null=True),
    )
    run("DROP TABLE exact_zeros")
    connection.close()


@pytest.mark.parametrize("order", ["x", "-x"])
@pytest.mark.parametrize("expression", SORTED_AS_NULL.values(), ids=SORTED_AS_NULL)
def test_what_is_sorted_as_null_is_refused_where_it_is_a_timestamp(
    model: Any, expression: Any, order: str
) -> None:
    rows = model.objects.annotate(x=expression())
    assert_exact(Oracle.of_keys(rows, order, ("timestamp",), sizes=(1, 3)))


@pytest.mark.parametrize("order", ["x", "-x"])
@pytest.mark.parametrize("expression", WALKED.values(), ids=WALKED)
def test_a_zero_timestamp_is_walked_where_it_has_its_own_place(
    model: Any, expression: Any, order: str
) -> None:
    assert_exact(Oracle.of_keys(model.objects.annotate(x=expression()), order, sizes=(1, 3)))
