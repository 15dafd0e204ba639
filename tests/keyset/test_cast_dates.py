"""Texts and numbers that are cast to dates, and some of which are none (MariaDB, MySQL)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Cast, Coalesce, Greatest

from chunkqs import KeysetError, stream
from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

pytestmark = pytest.mark.database("mysql")

TEXTS = ["", "2024-02-29", "abc", None, "2024-13-45", "1999-12-31 01:02:03"]
ZERO = "0000-00-00"
#: Days that no calendar has. MariaDB shows them as NULL, and sorts them as days all the same.
NO_DAYS = ["2024-02-30", "2023-02-29", "2024-04-31", "0000-02-30"]
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


DAY = Cast("v", models.DateField())
EXPRESSIONS = {
    "cast": DAY,
    "datetime": Cast("v", models.DateTimeField()),
    "time": Cast("v", models.TimeField()),
    "case": Case(When(w=1, then=DAY), default=F("d")),
    "greatest": Greatest(F("d"), DAY),
    "coalesce": Coalesce(DAY, F("d")),
    "coalesce, no date last": Coalesce(DAY, DAY, output_field=models.DateField()),
    "constant": Coalesce(DAY, Value("2024-02-02"), output_field=models.DateField()),
}


@pytest.fixture(params=["", "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE"])
def days(committed_db: None, request: pytest.FixtureRequest) -> Iterator[Any]:
    run("SET sql_mode = ''")
    columns = "id int PRIMARY KEY, w int NOT NULL, v varchar(20) NULL, d date NOT NULL"
    run(f"CREATE TABLE exact_days ({columns})")
    values = [*TEXTS, *NO_DAYS] * 2
    for number, value in enumerate(values):
        key = number * 7 % len(values)
        day = ZERO if number % 9 == 0 else f"2024-0{number % 4 + 1}-15"
        run("INSERT INTO exact_days VALUES (%s, %s, %s, %s)", key, number % 2, value, day)
    run("SET sql_mode = %s", request.param)
    yield unmanaged(
        "exact_days",
        id=models.IntegerField(primary_key=True),
        w=models.IntegerField(),
        v=models.CharField(max_length=20, null=True),
        d=models.DateField(),
    )
    run("DROP TABLE exact_days")
    connection.close()


@pytest.mark.parametrize("order", [["x"], ["-x"], ["w", "x"], ["-w", "x"]], ids=str)
@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_day_that_no_calendar_has_is_refused_where_it_is_met(
    days: Any, expression: Any, order: list[str]
) -> None:
    rows = days.objects.annotate(x=expression).values_list("pk", flat=True)
    tie = "-pk" if order[-1].startswith("-") else "pk"
    expected = list(rows.order_by(*order, tie))
    assert_exact(Oracle(rows.order_by(*order), expected, ["no day"], sizes=(1, 2, 3, 7)))


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_chunks_of_a_stream_are_their_own_ranges(days: Any, expression: Any) -> None:
    rows = days.objects.order_by(expression).values_list("pk", flat=True)
    with suppress(KeysetError):
        for chunk in stream(rows).chunks(4):
            assert sorted(chunk) == sorted(chunk.queryset)
