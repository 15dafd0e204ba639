"""Decimals in Arrow: every digit, or an error."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from django.db import connection, transaction
from django.db.models import DecimalField, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from chunkqs import stream
from tests.exports.test_arrow import ROWS, WAYS
from tests.support.models import Event
from tests.support.rows import make

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # SQLite computes floats.
    pytest.mark.database("postgresql", "mysql"),
]

#: As text: numeric, without the zeros that a field adds.
NUMBERS = [
    "99999999999999999999",
    f"{'1' * 18}.{'1' * 21}",
    f"1.{'1' * 21}",
    f"0.{'7' * 59}",
    "1e30",
]


def numbers(text: str, *, digits: int, places: int) -> QuerySet[Any]:
    make(Event, ROWS)
    field = DecimalField(max_digits=digits, decimal_places=places)
    number = RawSQL(f"CAST(%s AS {NUMERIC[connection.vendor]})", [text], field)
    return Event.objects.annotate(number=number).order_by("pk").values("number")


#: The type that keeps a number as it is.
NUMERIC = {"postgresql": "numeric", "mysql": "decimal(65, 30)"}


def read(queryset: QuerySet[Any], way: str) -> pa.Table:
    with transaction.atomic() if way == "atomic" else nullcontext():
        return WAYS.get(way, stream)(queryset).arrow().read_all()


@pytest.mark.parametrize("way", [*WAYS, "atomic"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_more_digits_than_its_column_is_an_error(way: str, number: str) -> None:
    queryset = numbers(number, digits=50, places=6)
    with pytest.raises(pa.ArrowInvalid, match="(?i)column"):
        read(queryset, way)


@pytest.mark.parametrize("way", [*WAYS, "atomic"])
@pytest.mark.parametrize("number", ["0", "-5", "1.5", "-0.00000000000000000001", f"{'9' * 18}.5"])
def test_a_computed_number_keeps_its_digits(way: str, number: str) -> None:
    queryset = numbers(number, digits=10, places=2)
    table = read(queryset, way)
    assert table.schema.types == [pa.decimal128(38, 20)]
    assert set(table["number"].to_pylist()) == {Decimal(number)}


@pytest.mark.parametrize("way", [*WAYS, "atomic"])
def test_decimals_of_more_than_38_digits_are_decimals_too(way: str) -> None:
    number = f"-{'9' * 30}.{'9' * 20}"
    field = DecimalField(max_digits=50, decimal_places=20)
    make(Event, ROWS)
    queryset = Event.objects.order_by("pk").values(number=Cast(Value(number), field))
    table = read(queryset, way)
    assert table.schema.types == [pa.decimal256(50, 20)]
    assert set(table["number"].to_pylist()) == {Decimal(number)}
