"""Blocks of raw rows by keyset: short queries, nothing held between them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from ..keyset.query import Open
from .retries import Retries


class Statements(Protocol):
    """What a walk by keyset asks of its query."""

    @property
    def locks(self) -> bool:
        """Whether the rows are locked, and may be others once that is done."""

    @property
    def keys(self) -> Statements:
        """The same walk, of which only the positions are asked, and nothing is locked."""

    def statements(self, after: Any, until: Any) -> Iterator[Open]:
        """The queries for the rows behind `after`, up to and with `until`, in order."""

    def position(self, raw_row: Any) -> Any:
        """Where `raw_row` stands in the order."""

    def is_in_place(self, raw_row: Any) -> bool:
        """Tell whether `raw_row` ended its block rightly; if not, ask for the block again."""

    @property
    def keys_from_end(self) -> Statements:
        """The positions alone, from the last row backwards."""

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
        self._latest: Statement | None = None

    def fetch(self, size: int) -> Block:
        """Ask for the next `size` rows, or fewer after a timeout."""
        if self._look_up_end:
            self._retries.run(self._bound)
        block: Block = []
        while not block and not self._ended:
            block = self._retries.run(partial(self._next, size))
        return block

    def _next(self, size: int) -> Block:
        """Run the queries of the next chunk. A block shorter than asked for is the last.

        A block of a locking query may be empty in the middle of the walk.
        """
        rows = self._retries.fitting(size)
        query = self._query
        if query.locks:
            return self._locked(rows)
        block = self._read(query, self._until, rows)
        self._check(query, block)
        self._go_on(query, block, rows)
        return block

    def _locked(self, rows: int) -> Block:
        """Lock the rows of the next keys.

        A row that had to be waited for may have another key by then. It has no place in this
        chunk, and the walk must not go on behind it.
        """
        query, keys = self._query, self._query.keys
        ahead = self._read(keys, self._until, rows)
        self._check(keys, ahead)
        if not ahead:
            self._ended = True
            return []
        known = list(map(keys.position, ahead))
        block = self._read(query, known[-1], rows)
        if len(block) < rows:
            self._go_on(keys, ahead, rows)
        else:
            self._go_on(query, block, rows)
        texts = set(map(repr, known))
        return [row for row in block if repr(query.position(row)) in texts]

    def _go_on(self, query: Statements, block: Block, rows: int) -> None:
        self._ended = len(block) < rows
        if not self._ended and self._latest is not None:
            self._retries.remember_session(self._latest)
        if block:
            self._after = query.position(block[-1])

    def _check(self, query: Statements, block: Block) -> None:
        if self._after is not None:
            query.check_progress(self._after, block)

    def _bound(self) -> None:
        """End the walk at what is the last row now, so that later ones cannot prolong it."""
        backwards = self._query.keys_from_end
        last = self._run(backwards, backwards.statements(None, None), 1)
        self._look_up_end = False
        if last:
            self._until = backwards.position(last[0])
        else:
            self._ended = True

    def _read(self, query: Statements, until: Any, rows: int) -> Block:
        return self._run(query, query.statements(self._after, until), rows)

    def _run(self, query: Statements, statements: Iterator[Open], rows: int) -> Block:
        """Run one statement after the other until there are rows enough."""
        block: Block = []
        for statement in statements:
            block += self._rows(query, statement, rows - len(block))
            if len(block) >= rows:
                break
        return block

    def _rows(self, query: Statements, open_statement: Open, rows: int) -> Block:
        self._latest = statement = open_statement(rows)
        with self._connection.cursor() as cursor:
            prepared = database_of(self._connection).prepare_cursor(cursor)
            prepared.execute(statement.sql, statement.params)
            block = list(cursor.fetchall())
        if block and not query.is_in_place(block[-1]):
            return self._rows(query, open_statement, rows)
        return block

    def close(self) -> None:
        """Nothing is open between two queries."""
        self._ended = True
