"""Blocks of raw rows by keyset: short queries, nothing held between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from ..keyset.query import KeysetQuery, Open
from ..keyset.ranges import Position
from .retries import Retries

#: What is done with the statement of the second chunk of a walk that goes on after its first.
GoesOn = Callable[[Statement], None]


class KeysetSource:
    """The rows of a keyset walk: each fetch is one short query after the last row.

    What only a walk of several chunks needs waits until the first chunk has come back full:
    the end is looked up then (`look_up_end`), the session is read, and `goes_on` is called.
    """

    blocks_held = 1
    is_of_one_thread = True

    def __init__(
        self,
        query: KeysetQuery,
        connection: BaseDatabaseWrapper,
        retries: Retries,
        *,
        after: Position | None = None,
        until: Position | None = None,
        look_up_end: bool = False,
        goes_on: GoesOn | None = None,
    ) -> None:
        self._query = query
        self._connection = connection
        self._database = database_of(connection)
        self._retries = retries
        self._after = after
        self._until = until
        self._look_up_end = look_up_end and until is None
        self._goes_on = goes_on
        self._is_first = True
        self._ended = False

    def fetch(self, size: int) -> Block:
        """Ask for the next `size` rows, or fewer after a timeout."""
        block: Block = []
        while not block and not self._ended:
            block = self._retries.run(partial(self._next, size))
            if self._is_first and not self._ended:
                self._prepare_to_go_on(size)
            self._is_first = False
        return block

    def _prepare_to_go_on(self, size: int) -> None:
        """Do what a walk of several chunks needs, before the caller has any row."""
        statement = self._latest  # of the rows: they may depend on more than their keys do
        if self._look_up_end:
            self._retries.run(self._bound)
        if self._ended:
            return
        self._retries.remember_session(statement)
        following = next(self._query.statements(self._after, self._until), None)
        if self._goes_on is not None and following is not None:
            self._retries.run(partial(self._goes_on, following(size)))

    def _next(self, size: int) -> Block:
        """Run the queries of the next chunk. A block shorter than asked for is the last.

        A block of a locking query may be empty in the middle of the walk.
        """
        rows = self._retries.limit(size)
        query = self._query
        if query.locks:
            return self._locked(rows)
        block = self._read(query, self._until, rows)
        self._check(query, block)
        self._go_on(query, block, rows)
        return block

    def _locked(self, rows: int) -> Block:
        """Lock the rows of the next keys.

        A row whose lock we waited for may have been updated. If its key changed, leave it out:
        it has no place in this chunk, and the walk must not go on after it.
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

    def _go_on(self, query: KeysetQuery, block: Block, rows: int) -> None:
        self._ended = len(block) < rows
        if block:
            self._after = query.position(block[-1])

    def _check(self, query: KeysetQuery, block: Block) -> None:
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

    def _read(self, query: KeysetQuery, until: Position | None, rows: int) -> Block:
        return self._run(query, query.statements(self._after, until), rows)

    def _run(self, query: KeysetQuery, statements: Iterator[Open], rows: int) -> Block:
        """Run one statement after the other until there are rows enough."""
        block: Block = []
        for statement in statements:
            block += self._rows(query, statement, rows - len(block))
            if len(block) >= rows:
                break
        return block

    def _rows(self, query: KeysetQuery, open_statement: Open, rows: int) -> Block:
        self._latest = statement = open_statement(rows)
        with self._connection.cursor() as cursor:
            self._database.prepare_cursor(cursor).execute(statement.sql, statement.params)
            block = list(cursor.fetchall())
        if query.learn(block):
            return self._rows(query, open_statement, rows)
        return block

    def cancel(self) -> None:
        """Ask the server to end the query."""
        self._database.cancel(self._connection.connection)

    def close(self) -> None:
        """Ask for no more: nothing is open between two queries."""
        self._ended = True
