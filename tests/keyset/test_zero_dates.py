"""Zero dates in columns that are NOT NULL: MariaDB and MySQL find them by IS NULL, too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, models

from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

pytestmark = pytest.mark.database("mysql")
VALUES = {
    "date": ["0000-00-00", "2024-01-01", "2024-00-00"],
    "datetime(6)": ["0000-00-00", "2024-01-01 00:00:00.000001"],
    "timestamp": ["0000-00-00", "2024-01-01 00:00:00"],
}


@pytest.fixture
def table(committed_db: None, request: pytest.FixtureRequest) -> Iterator[str]:
    kind = request.param
    run("SET sql_mode = ''")
    run(f"CREATE TABLE exact_zero (id int PRIMARY KEY, w int NOT NULL, v {kind} NOT NULL)")
    for number in range(12):
        value = VALUES[kind][number % len(VALUES[kind])]
        run("INSERT INTO exact_zero VALUES (%s, %s, %s)", number * 5 % 12, number % 2, value)
    yield "exact_zero"
    run("DROP TABLE exact_zero")
    connection.close()


@pytest.mark.parametrize("table", VALUES, indirect=True)
@pytest.mark.parametrize("managed", [False, True], ids=["unmanaged", "managed"])
@pytest.mark.parametrize("order", [["v"], ["-v"], ["w", "v"], ["-w", "v"]], ids=str)
def test_a_zero_date_is_no_null(table: str, managed: bool, order: list[str]) -> None:
    model = unmanaged(
        table,
        managed=managed,
        id=models.IntegerField(primary_key=True),
        w=models.IntegerField(),
        v=models.DateTimeField(),
    )
    keys = model.objects.values_list("pk", flat=True)
    tie = "-pk" if order[-1].startswith("-") else "pk"
    assert_exact(Oracle(keys.order_by(*order), list(keys.order_by(*order, tie))))
