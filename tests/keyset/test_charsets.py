"""Connections whose character set lacks characters that the texts have (MariaDB, MySQL)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models
from django.db.models import F
from django.db.models.functions import Concat, Lower

from chunkqs import chunks, keyset_iter, partition, partitions
from chunkqs.errors import KeysetError
from tests.support.exactness.kinds import run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact
from tests.support.private import second_alias

pytestmark = pytest.mark.database("mysql")

EMOJI = ["z\U0001f600", "\U0001f600", "\U0001f601"]
TEXTS = ["a", "A", "?", "é", *EMOJI, "\u0416", "日本", "b ", "??"]
COLUMNS = {
    "t": "varchar(9) COLLATE utf8mb4_general_ci",
    "u": "varchar(9) COLLATE utf8mb4_bin UNIQUE",
    "b": "varbinary(30)",
}
ORDERS: dict[str, Any] = {
    "text": "t",
    "unique": "-u",
    "two": "w",
    "function": Lower("u").asc(),
    "joined": Concat(F("t"), F("u")).desc(),
}


@pytest.fixture
def table(committed_db: None) -> Iterator[Any]:
    columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in COLUMNS.items())
    run(f"CREATE TABLE exact_charset (id int PRIMARY KEY, w int NOT NULL, {columns})")
    for number, text in enumerate(TEXTS):
        values = (text, text, text.encode("utf-16-le"))
        run("INSERT INTO exact_charset VALUES (%s, %s, %s, %s, %s)", number, number % 2, *values)
    yield unmanaged(
        "exact_charset",
        managed=True,
        id=models.IntegerField(primary_key=True),
        w=models.IntegerField(),
        t=models.CharField(max_length=9),
        u=models.CharField(max_length=9, unique=True),
        b=models.BinaryField(),
    )
    run("DROP TABLE exact_charset")


@pytest.mark.parametrize("charset", ["utf8mb3", "latin1", "cp1251"])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_texts_that_the_connection_cannot_show_are_walked_or_refused(
    charset: str, order: Any, table: Any
) -> None:
    with second_alias(OPTIONS={"charset": charset}):
        rows = table.objects.using("second")
        assert_exact(Oracle.of_keys(rows, order, ("character set", charset)))


@pytest.mark.parametrize("charset", ["utf8mb3", "latin1", "cp1251"])
@pytest.mark.parametrize("order", ["t", "-u", "b"])
def test_what_the_connection_can_show_is_walked(charset: str, order: str, table: Any) -> None:
    with second_alias(OPTIONS={"charset": charset}):
        rows = table.objects.using("second").filter(pk__in=[0, 1, 2, 9, 10])
        assert_exact(Oracle.of_keys(rows, order))


def test_a_token_with_a_text_that_the_connection_cannot_send_is_refused(table: Any) -> None:
    rows = keyset_iter(table.objects.order_by("-u"))
    next(iter(rows))
    with second_alias(OPTIONS={"charset": "utf8mb3"}):
        own = table.objects.using("second").order_by("-u")
        for bounds in ({"after": rows.position}, {"until": rows.position}):
            with pytest.raises(KeysetError, match="character set"):
                list(iter(keyset_iter(own, **bounds)))


@pytest.mark.parametrize("charset", ["utf8mb4", "utf8mb3", "latin1", "cp1251"])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_partition_is_exact_or_refused_in_a_session_of_fewer_characters(
    charset: str, order: Any, table: Any
) -> None:
    rows = table.objects.order_by(order, "pk").values_list("pk", flat=True)
    parts = partitions(rows, len(TEXTS))
    with second_alias(OPTIONS={"charset": charset}):
        own = rows.using("second")
        refusals = []
        for part in parts:
            expected = list(partition(rows, part))
            for read in (list, keyset_iter):
                try:
                    assert list(iter(read(partition(own, str(part))))) == expected
                except KeysetError as error:
                    refusals.append(str(error))
    assert all(charset in text and "stream()" in text for text in refusals)
    assert bool(refusals) == (charset != "utf8mb4" and order != "w")


def test_the_queryset_of_a_chunk_is_refused_in_a_session_of_fewer_characters(table: Any) -> None:
    kept = list(chunks(table.objects.order_by("-u"), 3))
    with second_alias(OPTIONS={"charset": "latin1"}), pytest.raises(KeysetError, match="latin1"):
        for chunk in kept:
            list(chunk.queryset.using("second"))
