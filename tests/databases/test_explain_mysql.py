"""What MariaDB and MySQL write in EXPLAIN."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from chunkqs.databases import database_of
from chunkqs.django_internals.compiler import Statement

pytestmark = pytest.mark.database("mysql")


class Explained:
    """A cursor whose EXPLAIN has one step."""

    description = [(name,) for name in ("id", "select_type", "rows", "Extra")]

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def execute(self, sql: str, params: Any) -> None:
        assert sql.startswith("EXPLAIN")

    def fetchall(self) -> list[Any]:
        return [(1, "SIMPLE", self.rows, "Using where; Using rowid filter")]


@pytest.mark.parametrize(("written", "rows"), [("7", 7), (7, 7), ("1 (11%)", 1), (None, 0)])
def test_the_part_that_a_filter_of_keys_leaves_is_no_number_of_rows(
    written: Any, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def cursor() -> Any:
        yield Explained(written)

    monkeypatch.setattr(connection, "cursor", cursor)
    explanation = database_of(connection).explain(Statement("SELECT 1", ()))
    assert explanation is not None
    assert explanation.rows == rows
