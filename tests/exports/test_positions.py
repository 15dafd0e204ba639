"""Where an export by keyset stands: after the last row that was handed out as bytes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from chunkqs import keyset_iter
from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 50
SIZE = 10
BLOCKS = ROWS // SIZE


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


def ordered() -> Any:
    return Event.objects.order_by("-created_at", "-pk").values("id", "kind")


def failing(block: int) -> Any:
    """Raise before a block is read, the first of which is 0."""
    number = 0

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal number
        if "kind" in sql and sql.startswith("SELECT"):
            number += 1
            if number == block + 1:
                raise ZeroDivisionError
        return execute(sql, params, many, context)

    return connection.execute_wrapper(wrapper)


def rest(position: str | None) -> list[Any]:
    return list(iter(keyset_iter(ordered(), after=position)))


@pytest.mark.parametrize("block", range(1, BLOCKS))
def test_rows_that_wait_for_a_row_group_are_not_handed_out(block: int) -> None:
    export = keyset_iter(ordered(), chunk_size=SIZE).parquet()
    with failing(block), pytest.raises(ZeroDivisionError):
        list(export)
    assert export.position is None


def test_what_is_left_over_of_a_block_waits_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chunkqs.exports.parquet.GROUP_ROWS", 7)
    monkeypatch.setattr("chunkqs.walks.export_walk.FIRST_ROWS", 4)
    monkeypatch.setattr("chunkqs.walks.export_walk.PART_BYTES", 1)
    expected = list(ordered())
    export = keyset_iter(ordered(), chunk_size=SIZE).parquet()
    left = [len(rest(export.position)) for _ in export]
    assert left == sorted(left, reverse=True)
    assert len(set(left)) > BLOCKS
    assert left[0] == ROWS
    assert left[-1] == 0
    for number in set(left):
        assert rest(after(number)) == expected[ROWS - number :]


def after(left: int) -> str | None:
    """Return the position that so many rows come after."""
    rows = keyset_iter(ordered())
    iterator = iter(rows)
    for _ in range(ROWS - left):
        next(iterator)
    return rows.position


def test_the_end_of_a_file_has_the_rows_that_waited() -> None:
    export = keyset_iter(ordered(), chunk_size=SIZE).parquet()
    parts = iter(export)
    next(parts)
    assert export.position is None
    assert len(list(parts)) == 1
    assert rest(export.position) == []


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize("block", range(1, BLOCKS))
def test_lines_stand_after_the_last_of_them(form: str, block: int) -> None:
    options = {"header": False} if form == "csv" else {}
    export = getattr(keyset_iter(ordered(), chunk_size=SIZE), form)(**options)
    parts = []
    with failing(block), pytest.raises(ZeroDivisionError):
        for part in export:
            parts.append(part)
    lines = b"".join(parts).splitlines()
    assert lines or export.position is None
    assert rest(export.position) == list(ordered())[len(lines) :]
