"""Settings that decide what an expression makes of dates, changed in the middle of a walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import ExpressionWrapper, F
from django.db.models.functions import Cast, Coalesce, ExtractHour, Length, TruncDay

from tests.support.changing_settings import walked
from tests.support.exactness.kinds import run, unmanaged

pytestmark = pytest.mark.database("postgresql", "mysql")

ROWS = 60
TEXT = models.CharField(max_length=40)
DAY = models.DateField()
TYPES = {"postgresql": "timestamptz", "mysql": "timestamp"}
ZONES = {
    "postgresql": "SET TIME ZONE 'Asia/Tokyo'",
    "mysql": "SET time_zone = '+09:00'",
}
EXPRESSIONS = {
    "day": Cast("t", DAY),
    "day or another": Coalesce(Cast("t", DAY), "d"),
    "text": Cast("t", TEXT),
    "hours since": ExpressionWrapper(F("t") - F("d"), output_field=models.DurationField()),
    "text of a day": Cast("d", TEXT),
}
#: Those that are the same under every setting.
STABLE = {"length": Length("v"), "column": F("t"), "number": F("id") % 7}


@pytest.fixture
def model(committed_db: None) -> Iterator[Any]:
    kind = TYPES[connection.vendor]
    columns = f"id int PRIMARY KEY, t {kind} NOT NULL, d date NOT NULL, v varchar(20) NOT NULL"
    run(f"CREATE TABLE exact_conversions ({columns})")
    for key in range(ROWS):
        moment = f"2024-03-{key * 7 % 5 + 1:02} {key * 11 % 24:02}:00:00"
        day = f"2024-0{key % 7 + 1}-{key * 5 % 28 + 1:02}"
        run(
            "INSERT INTO exact_conversions VALUES (%s, %s, %s, %s)",
            key,
            moment,
            day,
            "v" * (key % 20),
        )
    yield unmanaged(
        "exact_conversions",
        id=models.IntegerField(primary_key=True),
        t=models.DateTimeField(),
        d=models.DateField(),
        v=models.CharField(max_length=20),
    )
    run("DROP TABLE exact_conversions")
    connection.close()


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_expression_of_dates_is_refused_in_another_time_zone(
    model: Any, expression: Any, size: int
) -> None:
    rows = model.objects.order_by(expression, "id").values_list("pk", flat=True)
    expected = list(rows)
    got, is_refused = walked(rows, ZONES[connection.vendor], size, at=20)
    assert is_refused
    assert got == expected[: len(got)]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a setting of PostgreSQL")
def test_texts_of_days_are_refused_in_another_format(model: Any) -> None:
    rows = model.objects.order_by(Cast("d", TEXT), "id").values_list("pk", flat=True)
    expected = list(rows)
    got, is_refused = walked(rows, "SET DateStyle = 'SQL, DMY'", 3, at=20)
    assert is_refused
    assert got == expected[: len(got)]


@pytest.mark.parametrize("expression", STABLE.values(), ids=STABLE)
def test_an_order_that_depends_on_no_setting_is_walked_on(model: Any, expression: Any) -> None:
    if connection.vendor == "mysql" and expression == F("t"):
        pytest.skip("a TIMESTAMP is read in the time zone of the session")
    rows = model.objects.order_by(expression, "id").values_list("pk", flat=True)
    expected = list(rows)
    assert walked(rows, ZONES[connection.vendor], 3, at=20) == (expected, False)


@pytest.mark.parametrize("expression", [TruncDay("t"), ExtractHour("t")], ids=["day", "hour"])
def test_functions_of_dates_lose_no_row(model: Any, expression: Any) -> None:
    rows = model.objects.order_by(expression, "id").values_list("pk", flat=True)
    expected = list(rows)
    got, is_refused = walked(rows, ZONES[connection.vendor], 3, at=20)
    assert got == expected[: len(got)]
    assert is_refused or got == expected
