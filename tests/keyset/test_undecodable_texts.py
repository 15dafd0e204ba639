"""Texts that are not UTF-8, which SQLite stores and compares, but its driver cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, models
from django.db.models import F, TextField, Value
from django.db.models.functions import Cast, Concat, Lower, Trim

from chunkqs import keyset_iter, partitions
from chunkqs.errors import KeysetError
from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

pytestmark = pytest.mark.database("sqlite")

VALUES = [b"a", b"A", b"\xff\xfe", b"", b"\x80", "ä".encode(), b"\xed\xa0\x80"]
EXPRESSIONS = {
    "column": F("v"),
    "cast": Cast("v", TextField()),
    "lower": Lower("v"),
    "trimmed": Trim("v"),
    "joined": Concat(F("v"), Value("x"), output_field=TextField()),
}


@pytest.fixture(params=["text", "blob", ""])
def model(committed_db: None, request: pytest.FixtureRequest) -> Iterator[Any]:
    kind = "blob" if request.param == "blob" else "text"
    run(f"CREATE TABLE exact_bytes (id integer PRIMARY KEY, v {request.param})")
    for number, value in enumerate(VALUES * 2):
        run(f"INSERT INTO exact_bytes VALUES (%s, CAST(%s AS {kind}))", number * 5 % 14, value)
    yield unmanaged(
        "exact_bytes",
        managed=True,
        id=models.IntegerField(primary_key=True),
        v=models.TextField(null=True),
    )
    run("DROP TABLE exact_bytes")


@pytest.mark.parametrize("order", ["x", "-x"])
@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_order_of_texts_that_are_not_utf_8_is_refused(
    model: Any, expression: Any, order: str
) -> None:
    assert_exact(Oracle.of_keys(model.objects.annotate(x=expression), order, ("not UTF-8",)))


@pytest.mark.parametrize("model", ["text"], indirect=True)
def test_partitions_by_such_texts_are_refused(model: Any) -> None:
    with pytest.raises(KeysetError, match="not UTF-8"):
        partitions(model.objects.order_by("v"), 7)


@pytest.mark.parametrize("model", ["text"], indirect=True)
def test_rows_that_django_cannot_read_raise_what_django_raises(model: Any) -> None:
    for rows in (model.objects.order_by("pk"), model.objects.order_by("v")):
        with pytest.raises(OperationalError, match="Could not decode"):
            list(rows)
        with pytest.raises(OperationalError, match="Could not decode"):
            list(iter(keyset_iter(rows)))
