"""Sessions whose way to show dates is changed in the middle of a walk (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest
from django.db import connection, models

from chunkqs import keyset_iter
from tests.support.exactness.kinds import run, unmanaged

pytestmark = pytest.mark.database("postgresql")

STYLES = [
    ["SQL, DMY", "SQL, MDY"],
    ["German", "ISO, MDY"],
    ["Postgres, MDY", "Postgres, DMY"],
    ["ISO, DMY", "SQL, DMY", "German", "SQL, MDY"],
]


@pytest.fixture
def model(committed_db: None) -> Iterator[Any]:
    run("CREATE TABLE exact_styled (id serial PRIMARY KEY, t timestamptz, d date, i interval)")
    for _ in range(2):
        run(
            "INSERT INTO exact_styled (t, d, i) SELECT '2024-01-01'::timestamptz"
            " + n * interval '31 hours', '2024-01-01'::date + n, n * interval '-1 day 25 hours'"
            " FROM generate_series(0, 40) AS n"
        )
    yield unmanaged(
        "exact_styled",
        id=models.IntegerField(primary_key=True),
        t=models.DateTimeField(null=True),
        d=models.DateField(null=True),
        i=models.DurationField(null=True),
    )
    connection.close()
    run("DROP TABLE exact_styled")


@pytest.mark.parametrize("styles", STYLES, ids=str)
@pytest.mark.parametrize("order", ["t", "-t", "d", "-d", "i"])
@pytest.mark.parametrize("zones", [["UTC"], ["America/New_York", "Asia/Kolkata"]], ids=str)
def test_a_walk_is_exact_while_the_session_changes(
    styles: list[str], order: str, zones: list[str], model: Any
) -> None:
    tie = "-pk" if order.startswith("-") else "pk"
    rows = model.objects.order_by(order).values_list("pk", flat=True)
    expected = list(rows.order_by(order, tie))
    settings = zip(cycle(styles), cycle(zones), cycle(["iso_8601", "sql_standard"]), strict=False)
    got = []
    for key in islice(keyset_iter(rows, chunk_size=3), 2 * len(expected)):
        got.append(key)
        style, zone, spans = next(settings)
        run(f"SET DateStyle = '{style}'")
        run(f"SET TimeZone = '{zone}'")
        run(f"SET IntervalStyle = '{spans}'")
    assert got == expected
