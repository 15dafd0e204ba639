"""Texts and numbers that are cast to dates, and some of which are none (MariaDB, MySQL)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.models.functions import Cast

from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

pytestmark = pytest.mark.database("mysql")

TEXTS = ["", "2024-02-29", "abc", None, "2024-13-45", "1999-12-31 01:02:03"]
ZERO = "0000-00-00"
FIELDS = {"date": models.DateField, "datetime": models.DateTimeField, "time": models.TimeField}


@pytest.fixture(params=[TEXTS, [*TEXTS, ZERO]], ids=["no zero", "zero"])
def model(committed_db: None, request: pytest.FixtureRequest) -> Iterator[Any]:
    run("SET sql_mode = ''")
    run("CREATE TABLE exact_cast (id int PRIMARY KEY, w int NOT NULL, v varchar(20) NULL)")
    values = request.param * 2
    for number, value in enumerate(values):
        key = number * 5 % len(values)
        run("INSERT INTO exact_cast VALUES (%s, %s, %s)", key, number % 2, value)
    yield unmanaged(
        "exact_cast",
        id=models.IntegerField(primary_key=True),
        w=models.IntegerField(),
        v=models.CharField(max_length=20, null=True),
    )
    run("DROP TABLE exact_cast")
    connection.close()


@pytest.mark.parametrize("order", [["x"], ["-x"], ["w", "x"], ["w", "-x"], ["-w", "x"]], ids=str)
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_what_is_no_date_is_walked_as_null(model: Any, field: Any, order: list[str]) -> None:
    rows = model.objects.annotate(x=Cast("v", field())).values_list("pk", flat=True)
    tie = "-pk" if order[-1].startswith("-") else "pk"
    expected = list(rows.order_by(*order, tie))
    assert_exact(Oracle(rows.order_by(*order), expected, sizes=(1, 2, 3, 7)))
