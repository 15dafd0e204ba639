"""Blocks of raw rows by keyset: short queries, nothing held between them."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from .internals import Block, Statement
from .retries import Retries


class Statements(Protocol):
    """What a walk by keyset asks of its query."""

    def statement(self, after: Any, until: Any, limit: int) -> Statement | None:
        """The query for the `limit` rows behind `after`, up to and with `until`."""

    def position(self, raw_row: Any) -> Any:
        """Where `raw_row` stands in the order."""

    def is_in_place(self, raw_row: Any) -> bool:
        """Tell whether `raw_row` ended its block rightly; if not, ask for the block again."""

    def last(self) -> Statement | None:
        """The query for the last row of all, of which only the position is asked."""

    def check_progress(self, start: Any, block: Block) -> None:
        """Raise KeysetError if the row at `start` is in `block`, which begins behind it."""


class KeysetSource:
    """The rows of a keyset walk: each fetch is one short query behind the last row."""

    blocks_held = 1

    def __init__(
        self,
        query: Statements,
        connection: BaseDatabaseWrapper,
        after: Any = None,
        until: Any = None,
        look_up_end: bool = False,
        retries: Retries | None = None,
    ) -> None:
        self._query = query
        self._connection = connection
        self._after = after
        self._until = until
        self._look_up_end = look_up_end and until is None
        self._retries = retries or Retries(connection, "", 0)
        self._ended = False

    def fetch(self, size: int) -> Block:
        """Ask for the next `size` rows, or fewer after a timeout."""
        if self._look_up_end:
            self._retries.run(self._bound)
        block = [] if self._ended else self._retries.run(partial(self._next, size))
        if block:
            if self._after is not None:
                self._query.check_progress(self._after, block)
            self._after = self._query.position(block[-1])
        return block

    def _next(self, size: int) -> Block:
        """Run the query of the next chunk. A block shorter than asked for is the last."""
        rows = self._retries.fitting(size)
        statement = self._query.statement(self._after, self._until, rows)
        if statement is None:
            return []
        block = self._read(statement)
        if block and not self._query.is_in_place(block[-1]):
            return self._next(size)
        self._ended = len(block) < rows
        if not self._ended:
            self._retries.remember_session(statement)
        return block

    def _bound(self) -> None:
        """End the walk at what is the last row now, so that later ones cannot prolong it."""
        statement = self._query.last()
        last = self._read(statement) if statement else []
        if last and not self._query.is_in_place(last[0]):
            return self._bound()
        self._look_up_end = False
        if last:
            self._until = self._query.position(last[0])
        else:
            self._ended = True

    def _read(self, statement: Statement) -> Block:
        with self._connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.params)
            return list(cursor.fetchall())

    def close(self) -> None:
        """Nothing is open between two queries."""
        self._ended = True
