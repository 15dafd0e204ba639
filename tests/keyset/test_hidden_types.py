"""Types that MariaDB and MySQL do not always show, or that the model takes for others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import Max, Min
from django.db.models.functions import Coalesce, Greatest, NullIf

from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

pytestmark = pytest.mark.database("mysql")

#: Sorted by number, compared as text.
NUMBERED = {"enum('z','a','m')": ["z", "a", "m"], "set('z','a','m')": ["z,a", "m", "", "a"]}
#: More than a time of day, which drivers have no value of.
LONG_TIMES = {
    "time": ["838:59:59", "-838:59:59", "25:00:00", "-00:00:01", "10:00:00"],
    "time(6)": ["-00:00:00.000001", "26:00:00.5", "00:00:00.000001"],
}
FIELDS = [models.TextField, models.DateTimeField, models.DateField, models.FloatField]


def model_of(kind: str, field: Any, managed: bool = False) -> Any:
    return unmanaged(
        "exact_hidden",
        managed=managed,
        id=models.IntegerField(primary_key=True),
        v=field(null=not managed),
    )


@pytest.fixture
def table(committed_db: None, request: pytest.FixtureRequest) -> Iterator[str]:
    kind: str = request.param
    values = {**NUMBERED, **LONG_TIMES}[kind]
    run("SET sql_mode = ''")
    run(f"CREATE TABLE exact_hidden (id int PRIMARY KEY, v {kind} NOT NULL)")
    for number in range(11):
        run(
            "INSERT INTO exact_hidden VALUES (%s, %s)",
            number * 5 % 11,
            values[number % len(values)],
        )
    yield kind
    run("DROP TABLE exact_hidden")
    connection.close()


@pytest.mark.parametrize("table", NUMBERED, indirect=True)
@pytest.mark.parametrize("managed", [False, True], ids=["unmanaged", "managed"])
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.__name__)
def test_a_numbered_type_is_refused_under_any_field(table: str, managed: bool, field: Any) -> None:
    model = model_of(table, field, managed)
    assert_exact(Oracle.of_keys(model.objects.all(), "v", ("'v'", table[:3])))
    assert_exact(Oracle.of_keys(model.objects.all(), "-v", ("'v'", table[:3])))


@pytest.mark.parametrize("table", NUMBERED, indirect=True)
@pytest.mark.parametrize("order", ["x", "-x"])
@pytest.mark.parametrize(
    "expression",
    [Max("v"), Min("v"), Coalesce("v", "v"), Greatest("v", "v"), NullIf("v", models.Value("q"))],
    ids=lambda expression: type(expression).__name__,
)
def test_a_numbered_type_in_an_expression_is_exact_or_refused(
    table: str, order: str, expression: Any
) -> None:
    rows = model_of(table, models.TextField).objects.annotate(x=expression)
    assert_exact(Oracle.of_keys(rows, order, ("stream()",)))


@pytest.mark.parametrize("table", LONG_TIMES, indirect=True)
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.__name__)
def test_a_time_that_the_driver_cannot_read_is_walked(table: str, field: Any) -> None:
    model = model_of(table, field)
    assert_exact(Oracle.of_keys(model.objects.all(), "v"))
