"""Settings that decide about an order, changed in the middle of a walk (MariaDB, MySQL)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models

from chunkqs import keyset_iter
from tests.support.changing_settings import walked
from tests.support.exactness.kinds import run, unmanaged

pytestmark = pytest.mark.database("mysql")

ROWS = 20


@pytest.fixture
def model(committed_db: None) -> Iterator[Any]:
    run("CREATE TABLE exact_settings (id int PRIMARY KEY, v text NOT NULL, t timestamp NOT NULL)")
    for number in range(ROWS):
        values = f"{'a' * 100}{number * 7 % ROWS:02}", f"2024-01-01 {number * 7 % ROWS:02}:00:00"
        run("INSERT INTO exact_settings VALUES (%s, %s, %s)", number, *values)
    yield unmanaged(
        "exact_settings",
        id=models.IntegerField(primary_key=True),
        v=models.TextField(),
        t=models.DateTimeField(),
    )
    run("DROP TABLE exact_settings")
    connection.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("order", ["v", "-v", "t", "-t", "id"])
@pytest.mark.parametrize(
    ("setting", "refused"),
    [
        ("SET max_sort_length = 64", "v"),
        ("SET max_sort_length = 5000", ""),
        ("SET time_zone = '+05:00'", "t"),
        ("SET time_zone = '-11:00'", "t"),
    ],
)
def test_a_setting_that_the_order_depends_on_loses_no_row(
    model: Any, setting: str, refused: str, order: str, size: int
) -> None:
    rows = model.objects.order_by(order).values_list("pk", flat=True)
    expected = list(rows)
    got, is_refused = walked(rows, setting, size, at=4)
    assert got == expected[: len(got)]
    assert is_refused == (order.lstrip("-") == refused)
    assert is_refused or got == expected


def test_a_setting_that_was_changed_after_another_walk_is_noticed(model: Any) -> None:
    for order in ("v", "-v"):
        rows = model.objects.order_by(order).values_list("pk", flat=True)
        expected = list(rows)
        for length in (1024, 64, 200, 1024, 64):
            run(f"SET max_sort_length = {length}")
            assert list(iter(keyset_iter(rows, chunk_size=3))) == expected
        run("SET max_sort_length = 1024")
