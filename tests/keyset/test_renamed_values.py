"""Enums whose values are renamed or added in the middle of a walk (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from django.db import connection, models

from chunkqs import keyset_iter
from chunkqs.errors import KeysetError
from tests.support.exactness.kinds import run, unmanaged

pytestmark = pytest.mark.database("postgresql")

ROWS = 12


@pytest.fixture
def rows(committed_db: None) -> Iterator[Any]:
    run("CREATE TYPE exact_mood AS ENUM ('sad', 'ok', 'happy')")
    run("CREATE TABLE exact_moods (id integer PRIMARY KEY, v exact_mood NOT NULL)")
    for number in range(ROWS):
        run("INSERT INTO exact_moods VALUES (%s, %s)", number, ["ok", "sad", "happy"][number % 3])
    model: Any = unmanaged(
        "exact_moods",
        managed=True,
        id=models.IntegerField(primary_key=True),
        v=models.TextField(),
    )
    yield model.objects.order_by("v").values_list("pk", flat=True)
    run("DROP TABLE exact_moods")
    run("DROP TYPE exact_mood")
    connection.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_value_that_is_renamed_is_walked_or_refused(rows: Any, size: int) -> None:
    expected = list(rows.order_by("v", "pk"))
    walk = iter(keyset_iter(rows, chunk_size=size))
    got = list(islice(walk, 5))
    run("ALTER TYPE exact_mood RENAME VALUE 'ok' TO 'fine'")
    with pytest.raises(KeysetError, match="'v'.*exact_mood: \"ok\".*stream"):
        got.extend(walk)
    assert got == expected[: len(got)]


def test_a_token_of_a_renamed_value_is_refused(rows: Any) -> None:
    walk = keyset_iter(rows, chunk_size=2)
    assert len(list(islice(walk, 5))) == 5
    run("ALTER TYPE exact_mood RENAME VALUE 'ok' TO 'fine'")
    with pytest.raises(KeysetError, match="'v'"):
        list(iter(keyset_iter(rows, after=walk.position)))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_value_that_is_added_changes_no_place(rows: Any, size: int) -> None:
    expected, got = list(rows.order_by("v", "pk")), []
    for number, key in enumerate(keyset_iter(rows, chunk_size=size)):
        got.append(key)
        if number == 5:
            run("ALTER TYPE exact_mood ADD VALUE 'fair' BEFORE 'ok'")
    assert got == expected
