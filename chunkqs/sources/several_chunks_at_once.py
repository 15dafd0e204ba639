"""The rows of several chunks, read at once where each chunk would read past many more.

By the index that gives the order, the rows outside of a range of another column are read and
left out: for the end, and for each chunk. Where the range has a few thousand rows, the database
had better find those by an index of their own, and sort them. It does so where all are asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..django_internals.compiler import Block
from ..keyset.query import KeysetQuery
from ..keyset.ranges_after_position import Position

#: Rows that are read at once, by the planner's estimate, and the bytes that they may take.
MOST_ROWS = 5_000
MOST_BYTES = 4 * 1024 * 1024
#: How many times as many rows may come as were estimated.
MARGIN = 2


class Stock:
    """Rows that a walk has read, and not handed out yet."""

    most_rows = MARGIN * MOST_ROWS
    """How many rows to read at once."""

    def __init__(self, query: KeysetQuery, connection: BaseDatabaseWrapper) -> None:
        self._query = query
        self._database = database_of(connection)
        self._limit = 0
        self.rows: Block = []
        self.is_complete = False
        """Whether no row is after those."""

    def plan(self, start: Position | None, end: Position | None) -> None:
        """Decide whether to read all rows at once: one EXPLAIN, for a range of another column."""
        query = self._query
        if not query.skips_rows or query.locks or not self._database.explains:
            return
        estimates = []
        for statement in query.statements(start, end):
            explanation = self._database.explain(statement(MARGIN * MOST_ROWS))
            if explanation is None or not explanation.width:
                return
            estimates.append((explanation.rows, explanation.rows * explanation.width))
        rows, size = (sum(numbers) for numbers in zip(*estimates, strict=True))
        if rows <= MOST_ROWS and size <= MOST_BYTES:
            self._limit = self.most_rows

    def take(self, rows: int, read: Callable[[int], Block]) -> Block:
        """Return the next rows, by `read` where there are not enough of them."""
        if len(self.rows) < rows and not self.is_complete:
            # Once: what timed out, or was estimated wrongly, is read by the chunk.
            limit, self._limit = max(rows, self._limit), 0
            self.rows = read(limit)
            self.is_complete = limit > rows and len(self.rows) < limit
        # Each copy of a block costs every row of it.
        return self.rows if len(self.rows) <= rows else self.rows[:rows]

    def drop(self, rows: int) -> None:
        """Leave out the rows of a chunk; of a single chunk, the one after it as well."""
        self.rows = self.rows[rows:] if len(self.rows) > rows + 1 or self.is_complete else []

    def clear(self) -> None:
        """Have the rows read again."""
        self.rows, self.is_complete = [], False
