"""Blocks of raw rows by keyset: short queries, nothing held between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from ..keyset.query import KeysetQuery
from ..keyset.ranges_after_position import Position
from ..keyset.walk_errors import incomparable, not_at_its_position, reading
from .column_types import read_types_alone
from .null_check import NullCheck
from .order_check import INCOMPARABLE, OrderCheck
from .retries import Retries
from .running_query import RunningQuery
from .session_check import SessionCheck
from .several_chunks_at_once import Stock

#: How often the first chunk is read before a row that is not at its own position is an error: it
#: may have been deleted in between.
ATTEMPTS = 3

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
        is_page: bool = False,
    ) -> None:
        self._query = query
        self._connection = connection
        self._database = database_of(connection)
        self._retries = retries
        self._after = after
        self._until = until
        self._look_up_end = look_up_end and until is None
        self._goes_on = goes_on
        self._is_page = is_page
        self._order = OrderCheck(query, connection)
        self._nulls = NullCheck(query, connection)
        self._session = SessionCheck(query, connection, retries)
        self._stock = Stock(query, connection)
        self._begin = after
        self._before: Position | None = None
        self._expected: Position | None = None
        self._mark: Position | None = None
        self._running = RunningQuery()
        self._is_first = True
        self._has_learnt = False
        self._ended = False

    def fetch(self, size: int) -> Block:
        """Ask for the next `size` rows, or fewer after a timeout."""
        block: Block = []
        while not block and not self._ended:
            block = self._retries.run(partial(self._next, size))
            if self._is_first and not self._ended and not self._is_page:
                self._prepare_to_go_on(size, block)
                if self._has_learnt:
                    block = self._begin_again()
                    continue
            self._is_first = False
        return block

    def _begin_again(self) -> Block:
        """Have the first chunk, which the caller has not had, read in another way."""
        self._after, self._ended, self._has_learnt = self._begin, False, False
        self._before = self._expected = self._mark = None
        self._stock.clear()
        return []

    def _prepare_to_go_on(self, size: int, block: Block) -> None:
        """Do what a walk of several chunks needs, before the caller has any row."""
        statement = self._latest  # of the rows: they may depend on more than their keys do
        self._has_learnt = self._nulls.begin() | self._session.begin_sorting(block)
        is_bounded = self._stock.is_complete or not self._look_up_end
        work = partial(self._settle, False) if is_bounded else self._bound
        self._retries.run(work)
        if self._ended or self._has_learnt or self._stock.is_complete:
            return
        self._retries.remember_session(statement)
        self._session.begin_scope()
        following = next(self._query.statements(self._after, self._until), None)
        if self._goes_on is not None and following is not None:
            self._retries.run(partial(self._goes_on, following(size)))

    def _settle(self, has_rows: bool) -> None:
        self._has_learnt |= self._nulls.settle(has_rows)

    def _next(self, size: int) -> Block:
        """Run the queries of the next chunk. A block shorter than asked for is the last.

        A block of a locking query may be empty in the middle of the walk.
        """
        rows = self._retries.limit(size)
        if self._query.locks:
            return self._locked(rows)
        block = self._checked(self._query, rows)
        self._go_on(self._query, block, rows)
        del block[rows:]
        return block

    def _checked(self, query: KeysetQuery, rows: int) -> Block:
        """Read a chunk and the row after it, and see that it comes after the one before."""
        if self._is_first:
            query.check_given(self._after, self._until)
        if self._is_first and self._depends_on_nulls:
            self._nulls.begin(self._after, self._until)
        if self._is_first and not self._is_page:
            self._stock.plan(self._after, self._until)
        for attempt in range(ATTEMPTS):
            block = self._ahead(query, rows + 1, again=attempt > 0)
            if self._nulls.settle(bool(block)):
                block = self._ahead(query, rows + 1, again=True)
            if self._is_first and self._nulls.learn_from(query, self._stock.rows):
                block = self._ahead(query, rows + 1, again=True)
            if not block:
                self._session.require()
            query.check(self._after, block)
            if self._is_in_place(query, block, rows):
                return block
        raise not_at_its_position(query.keyset)

    @property
    def _depends_on_nulls(self) -> bool:
        """Whether the first chunk may be wrong where a declared column has NULLs, or no query for
        the end follows that could carry the proof."""
        if not self._is_page:
            return bool(self._after or self._until or not self._look_up_end)
        columns = self._query.keyset.columns
        return bool(self._after) or any(column.nulls_first is not None for column in columns)

    def _is_in_place(self, query: KeysetQuery, block: Block, rows: int) -> bool:
        self._order.check_doubtful(query, block)
        first = query.position(block[0]) if block else None
        if self._expected is not None and self._after is not None and first != self._expected:
            self._order.check_beginning(first, self._expected, self._after, self._before)
        goes_on = len(block) > rows
        if not block or self._is_page or (query.is_proven and not (self._is_first and goes_on)):
            return True
        last = query.position(_last(block, rows))
        self._order.check_kinds(self._mark or first, last)
        following = query.position(block[rows]) if goes_on else None
        return self._order.is_an_order(last, following, self._after, self._mark)

    def _locked(self, rows: int) -> Block:
        """Lock the rows of the next keys.

        A row whose lock we waited for may have been updated. If its key changed, leave it out:
        it has no place in this chunk, and the walk must not go on after it.
        """
        query, keys = self._query, self._query.keys
        ahead = self._checked(keys, rows)
        known = list(map(keys.position, ahead[:rows]))
        block = self._read(query, known[-1], rows) if known else []
        self._go_on(keys, ahead, rows)
        if len(block) == rows and (last := query.position(block[-1])) != self._after:
            # Rows that were inserted among the keys leave some of those for the next chunk.
            self._after, self._expected, self._ended = last, None, False
        return [row for row in block if query.position(row) in known]

    def _go_on(self, query: KeysetQuery, block: Block, rows: int) -> None:
        self._stock.drop(rows)
        self._ended = len(block) <= rows
        self._expected = None if self._ended else query.position(block[rows])
        if block:
            self._before, self._after = self._after, query.position(_last(block, rows))
            self._mark = self._mark or self._before or query.position(block[0])

    def _bound(self) -> None:
        """End the walk at what is the last row now, so that later ones cannot prolong it."""
        backwards = self._query.keys_from_end
        for _ in range(ATTEMPTS):
            last = self._run(backwards, None, None, 1)
            self._settle(bool(last))
            if self._has_learnt:
                return
            self._order.check_doubtful(backwards, last)
            if not last or self._is_last(backwards.position(last[0])):
                break
        else:
            raise not_at_its_position(self._query.keyset)
        self._look_up_end = False
        if last:
            self._until = backwards.position(last[0])
        else:
            self._ended = True

    def _is_last(self, end: Position) -> bool:
        """Return whether no row is after the last one, where the order may be none."""
        query = self._query.keys
        if query.is_proven:
            return True
        self._order.check_kinds(self._mark, end)
        return not self._run(query, end, None, 1)

    def _ahead(self, query: KeysetQuery, rows: int, *, again: bool = False) -> Block:
        """Return the next rows, which the walk may have read with those of the chunk before."""
        if again:
            self._stock.clear()
        return self._stock.take(rows, partial(self._read, query, self._until))

    def _read(self, query: KeysetQuery, until: Position | None, rows: int) -> Block:
        return self._run(query, self._after, until, rows)

    def _run(
        self, query: KeysetQuery, start: Position | None, end: Position | None, rows: int
    ) -> Block:
        """Run one statement after the other until there are rows enough."""
        block: Block = []
        for statement in query.statements(start, end):
            part = self._rows(query, statement(rows - len(block)))
            if part is None:
                return self._run(query, start, end, rows)
            block = block + part if block else part
            if len(block) >= rows:
                break
        return block

    def _rows(self, query: KeysetQuery, statement: Statement) -> Block | None:
        """Return the rows of a statement; None where they have to be read in another way."""
        self._latest = statement
        with self._connection.cursor() as cursor, self._running.waiting(cursor):
            try:
                self._database.execute(cursor, statement, query.compiler)
            except INCOMPARABLE as error:
                if query.is_proven and not self._names_position(error):
                    raise
                raise incomparable(query.keyset, error) from error
            except ValueError:
                # mysqlclient makes values of all rows at once, before their types are known.
                if query.lessons.knows_types or not read_types_alone(query, self._connection):
                    raise
                return None
            if query.learn_types(self._database.column_types(cursor)):
                return None
            with reading(query.keyset, self._database):
                fetched = cursor.fetchall()
        block = fetched if type(fetched) is list else list(fetched)
        return None if block and query.learn_length(block) else block

    def _names_position(self, error: Exception) -> bool:
        """Return whether the database quotes a text of the positions that it cannot read: of a
        value that was renamed, or that this session writes in another way."""
        texts = {value for one in (self._after, self._until) for value in one or ()}
        return any(f'"{text}"' in str(error) for text in texts if isinstance(text, str))

    @property
    def has_ended(self) -> bool:
        """Whether the last row of the walk has been fetched."""
        return self._ended

    def cancel(self) -> None:
        """Ask the server to end the query."""
        self._running.cancel()

    def close(self) -> None:
        """Ask for no more: nothing is open between two queries."""
        self._ended = True


def _last(block: Block, rows: int) -> Any:
    """Return the last raw row of a chunk, of which the block may hold the row after as well."""
    return block[min(rows, len(block)) - 1]
