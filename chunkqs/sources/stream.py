"""The ways to run a stream, chosen from the live state of the caller's connection."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple, NoReturn

from django.db import Error, NotSupportedError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.answers import Explanation
from ..databases.private_connection import PrivateConnection, open_private
from ..databases.private_limit import connect_caller
from ..databases.session import NoRoom, Refusal
from ..django_internals.compiler import Block, Compiled, Extra, Statement, compile_select
from ..django_internals.connections import in_transaction
from ..django_internals.queries import slice_length
from ..errors import KeysetError
from ..keyset.refusals import ADVICE
from . import small_result
from .callers_cursor import CallersCursor
from .cursor import CursorSource, close_cursor
from .read_ahead import ReadAheadSource
from .retries import Retries
from .running_query import RunningQuery
from .sizing import Sizing, row_bound, row_bytes
from .slow_start_warning import SlowStart
from .source import ListSource, Source
from .transaction_cursor import TransactionSource

logger = logging.getLogger("chunkqs")

#: Rows that are read to weigh the others, where a column's size has no bound.
PROBE_ROWS = 16


class OpenSource(NamedTuple):
    """A source of blocks, and the compiler that knows what is in them."""

    source: Source
    compiler: SQLCompiler
    retries: Retries | None = None
    """Repeats what a transient error breaks off, where the walk goes on after one."""
    is_written: bool = False
    """Whether a raw row is no row, but a part of an export that the server wrote."""


class Wishes(NamedTuple):
    """How the caller wants a stream to run."""

    private: bool | None = None
    read_ahead: bool = True


class Stream:
    """A query that is to be read through a server-side cursor, or what comes closest to one.

    Its methods are the ways to run, in the order in which `open()` tries them; each returns
    None where it does not fit. `by_keyset` opens the same rows by keyset, for databases whose
    cursors would block the connection; it raises KeysetError where they have no order.
    """

    def __init__(
        self,
        queryset: QuerySet[Any, Any],
        connection: BaseDatabaseWrapper,
        sizing: Sizing,
        wishes: Wishes,
        by_keyset: Callable[[], OpenSource],
        extra: tuple[Extra, ...] = (),
        opening: RunningQuery | None = None,
    ) -> None:
        self._queryset = queryset
        self._connection = connection
        self._database = database_of(connection)
        self._sizing = sizing
        self._wishes = wishes
        self._by_keyset = by_keyset
        self._opening = opening or RunningQuery()
        self._extra = extra
        self._slow_start: SlowStart | None = None

    def open(self) -> OpenSource:
        """Open the source the first way that fits."""
        connect_caller(self._connection)
        return (
            self.in_callers_transaction()
            or self.as_small_result()
            or self.on_private_connection()
            or self.on_callers_connection()
        )

    def in_callers_transaction(self) -> OpenSource | None:
        """Read in the caller's transaction, the one place that shows its uncommitted rows."""
        if not in_transaction(self._connection):
            return None
        if self._wishes.private:
            raise NotSupportedError(
                "stream(private=True) inside a transaction: a private connection would not see "
                "the transaction's own rows. Leave private= out, or stream outside of atomic()."
            )
        if self._database.cursor_blocks_connection:
            return self.as_small_result() or self._by_keyset_or_refuse()
        self._log("a cursor in the caller's transaction")
        cursor, compiler = self._callers_cursor.run(self._connection.chunked_cursor)
        if cursor is None:
            return OpenSource(ListSource([]), compiler)
        if self._database.cursor_ends_with_transaction:
            return OpenSource(TransactionSource(self._connection, cursor), compiler)
        return OpenSource(_closing_source(cursor), compiler)

    def as_small_result(self) -> OpenSource | None:
        """Read the whole result by one plain query, where it is expected to fit one chunk.

        The query is limited to one row more than fits: when that row comes, the planner was
        wrong, and what was read is dropped. Where the columns set no bound to the size of a
        row, a few rows are read first and weighed. A statement that was small the last
        time is not planned again.
        """
        if self._wishes.private or not self._database.explains:
            return None
        statement, compiler, _ = self._limited
        if statement is None:
            return OpenSource(ListSource([]), compiler)
        known = small_result.recall(self._connection, statement)
        expected = self._expected_rows if known is None else known
        if expected > self._sizing.capacity:
            return None
        block = self._small_block(expected, is_known=known is not None)
        small_result.remember(self._connection, statement, block)
        if block is None:
            return None
        self._log("a small result, by a plain query")
        return OpenSource(ListSource(block), compiler)

    def on_private_connection(self) -> OpenSource | None:
        """Read in a transaction of its own: at once, one snapshot, the caller stays free."""
        if self._wishes.private is False or not self._database.opens_private_connections:
            return None
        statement, compiler, _ = self._compile()
        if statement is None:
            return OpenSource(ListSource([]), compiler)
        try:
            private = open_private(self._connection, statement, self._explanation)
        except Refusal as refusal:
            if self._wishes.private:
                _raise_insisted(refusal)
            self._slow_start = SlowStart(refusal)
            return None
        try:
            return self._read_privately(private, statement, compiler)
        except BaseException:
            private.close()
            raise

    def _read_privately(
        self, private: PrivateConnection, statement: Statement, compiler: SQLCompiler
    ) -> OpenSource:
        cursor = self._execute(private.cursor(), statement, compiler)
        if self._wishes.read_ahead and self._database.sends_on_request:
            ahead = ReadAheadSource(cursor, private.bare_cursor, private.cancel, private.close)
            return OpenSource(ahead, compiler)
        return OpenSource(CursorSource(cursor, private.close), compiler)

    def on_callers_connection(self) -> OpenSource:
        """Read in autocommit as Django does: right, only slower to start on PostgreSQL."""
        if self._database.cursor_blocks_connection:
            try:
                return self._by_keyset()
            except KeysetError as error:
                self._log(f"the whole result in memory, as there is no keyset: {error}")
        self._log("a cursor on the caller's connection")
        plain = bool(self._connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"))
        if self._slow_start is not None:
            in_memory = plain or self._database.cursor_blocks_connection
            self._slow_start.warn(self._label, self._database, in_memory=in_memory)
        make = self._connection.cursor if plain else self._connection.chunked_cursor
        cursor, compiler = self._callers_cursor.run(make)
        source = ListSource([]) if cursor is None else _closing_source(cursor)
        return OpenSource(source, compiler)

    @property
    def _callers_cursor(self) -> CallersCursor:
        return CallersCursor(self._queryset, self._connection, self._extra, self._execute)

    def _by_keyset_or_refuse(self) -> OpenSource:
        try:
            opened = self._by_keyset()
        except KeysetError as error:
            raise NotSupportedError(
                f"stream() inside a transaction on {self._database.label} reads by keyset, since "
                "an unbuffered cursor would block the connection, and this query has no order to "
                f"read by: {str(error).removesuffix(ADVICE)} Stream it outside of atomic(), or use "
                "iterator(), which reads the whole result into memory."
            ) from error
        self._log("by keyset in the caller's transaction")
        return opened

    @cached_property
    def _limited(self) -> Compiled:
        """The query limited to one row more than a chunk, which shows whether there are more."""
        return self._compile(self._sizing.capacity + 1)

    @cached_property
    def _explanation(self) -> Explanation | None:
        """What the planner expects of the limited query: one EXPLAIN, asked for once."""
        statement = self._limited.statement
        return self._database.explain(statement) if statement else None

    @property
    def _expected_rows(self) -> int:
        """The rows that will come: by the slice where that is small enough, else by the planner."""
        capacity, sliced = self._sizing.capacity, slice_length(self._queryset)
        if sliced is not None and sliced <= capacity:
            return sliced
        explanation = self._explanation
        if explanation is None:
            return capacity + 1
        too_wide = explanation.rows * explanation.width > self._sizing.max_bytes
        return capacity + 1 if too_wide else explanation.rows

    def _small_block(self, expected: int, *, is_known: bool) -> Block | None:
        """Read all rows; None where there are more than fit, by their number or their size."""
        capacity = self._sizing.capacity
        if row_bound(self._limited.compiler) is None:
            if is_known:
                # They were small; no more than twice as many are read before they are weighed.
                capacity = min(capacity, max(2 * expected, PROBE_ROWS))
            else:
                probe = self._read(PROBE_ROWS)
                if len(probe) <= PROBE_ROWS:
                    return probe
                if row_bytes(probe) * expected > self._sizing.max_bytes:
                    return None
        block = self._read(capacity)
        return block if len(block) <= capacity else None

    def _read(self, limit: int) -> Block:
        """Read `limit` rows, and one more where there is one, by a plain query."""
        is_whole = limit == self._sizing.capacity
        statement, compiler, _ = self._limited if is_whole else self._compile(limit + 1)
        if statement is None:
            return []
        with self._connection.cursor() as cursor, self._opening.waiting(cursor):
            self._database.execute(cursor, statement, compiler)
            return list(cursor.fetchall())

    def _compile(self, limit: int | None = None) -> Compiled:
        """Compile the query, for its first `limit` rows alone if that is given."""
        queryset = self._queryset.all() if limit is None else self._queryset.all()[:limit]
        return compile_select(queryset, self._connection, self._extra)

    def _execute(
        self, cursor: CursorWrapper, statement: Statement, compiler: SQLCompiler
    ) -> CursorWrapper:
        """Run `statement` on `cursor`, which is closed if that fails."""
        try:
            with self._opening.waiting(cursor):
                self._database.execute(cursor, statement, compiler)
        except BaseException:
            close_cursor(cursor)
            raise
        return cursor

    def _log(self, way: str) -> None:
        logger.debug("stream() of %s: %s", self._label, way)

    @property
    def _label(self) -> str:
        return str(self._queryset.model._meta.label)


def _raise_insisted(refusal: Refusal) -> NoReturn:
    """Raise the error for who insists on a private connection: the database's, if it was that."""
    cause = refusal.__cause__
    if isinstance(refusal, NoRoom) and isinstance(cause, Error):
        raise cause from cause.__cause__
    if isinstance(refusal, NoRoom):
        raise OperationalError(f"stream(private=True): {refusal}. {refusal.remedy}") from refusal
    raise NotSupportedError(
        f"stream(private=True): a private connection might not show the same rows: {refusal}. "
        "Leave private= out, and the stream runs on the connection that it was called with."
    ) from refusal


def _closing_source(cursor: CursorWrapper) -> CursorSource:
    return CursorSource(cursor, partial(close_cursor, cursor))
