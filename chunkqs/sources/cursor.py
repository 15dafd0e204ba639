"""Where blocks of raw rows come from: a list that was read, or a cursor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from traceback import clear_frames
from typing import Protocol

from django.db import DatabaseError, Error, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..django_internals.compiler import Block
from ..django_internals.connections import transaction_mark
from ..errors import StreamInterrupted
from .running_query import RunningQuery

logger = logging.getLogger("chunkqs")


class Source(Protocol):
    """Gives blocks of raw rows until there are none left."""

    @property
    def blocks_held(self) -> int:
        """How many blocks it may hold at a time, the one that was asked for among them."""

    @property
    def is_of_one_thread(self) -> bool:
        """Whether it asks for cursors of the caller's connection, which is one thread's."""

    def fetch(self, size: int) -> Block:
        """Return the next rows, `size` of them where there are as many; [] at the end."""

    def cancel(self) -> None:
        """Ask the server to end the query that another thread is waiting for, if it can be."""

    def close(self) -> None:
        """End the cursor, and what was opened for it. Never raise for one that is dead."""


class ListSource:
    """Rows that have been read already, as one block."""

    blocks_held = 1
    is_of_one_thread = False

    def __init__(self, block: Block) -> None:
        self._block = block

    def fetch(self, size: int) -> Block:
        """Return every row the first time, none after that."""
        block, self._block = self._block, []
        return block

    def cancel(self) -> None:
        """Do nothing: no query runs."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


class CursorSource:
    """The rows of an executed cursor, a fetch at a time."""

    blocks_held = 1
    is_of_one_thread = False

    def __init__(self, cursor: CursorWrapper, close: Callable[[], None]) -> None:
        self._cursor = cursor
        self._close: Callable[[], None] | None = close
        self._ended = False
        self._running = RunningQuery()

    def fetch(self, size: int) -> Block:
        """Fetch `size` rows. A short block is the last, so the end costs no extra fetch."""
        if self._ended:
            return []
        block = self._fetch(size)
        self._ended = len(block) < size
        return block

    def _fetch(self, size: int) -> Block:
        with interruptions(self._cursor), self._running.waiting(self._cursor):
            return list(self._cursor.fetchmany(size))

    def cancel(self) -> None:
        """Ask the server to end the fetch."""
        self._running.cancel()

    def close(self) -> None:
        """Close once, in whatever way fits where the cursor is."""
        self._ended = True
        close, self._close = self._close, None
        if close is not None:
            close()


class TransactionSource:
    """A server-side cursor in the caller's own transaction, which may end before it does."""

    blocks_held = 1
    is_of_one_thread = False

    def __init__(self, connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
        self._source = CursorSource(cursor, self._do_nothing)
        self._cursor: CursorWrapper | None = cursor
        self._connection = connection
        self._database = database_of(connection)
        self._mark = transaction_mark(connection)

    @staticmethod
    def _do_nothing() -> None:
        """Leave the closing to this class, which knows whether the cursor is there."""

    def fetch(self, size: int) -> Block:
        """Fetch from the cursor while its transaction goes on.

        Raise StreamInterrupted after that: to ask a cursor that is gone would abort the
        transaction that has begun since.
        """
        if self._cursor is not None and not self._is_alive(self._cursor):
            raise StreamInterrupted(
                "The transaction that stream() was reading in has ended, and its cursor with it. "
                "Finish the loop inside the atomic() block that it began in, or begin it outside "
                "of any, where stream() opens a connection of its own."
            )
        return self._source.fetch(size)

    def cancel(self) -> None:
        """Ask the server to end the fetch."""
        self._source.cancel()

    def close(self) -> None:
        """Close the cursor if it is still there, else forget it."""
        self._source.close()
        cursor, self._cursor = self._cursor, None
        if cursor is None:
            return
        try:
            alive = self._is_alive(cursor)
        except Error as error:
            logger.debug("Could not ask whether the cursor is open: %s", error)
            alive = False
        if alive:
            close_cursor(cursor)
        else:
            self._database.discard_cursor(cursor)

    def _is_alive(self, cursor: CursorWrapper) -> bool:
        """Return whether the transaction goes on: by Django's word inside atomic(), else ask.

        With autocommit off the caller may commit at any time, which Django doesn't note; and a
        savepoint that was rolled back may have taken the cursor along.
        """
        mark = transaction_mark(self._connection)
        if mark is self._mark and self._connection.in_atomic_block:
            return True
        if self._connection.autocommit and not self._connection.in_atomic_block:
            return False
        if self._connection.needs_rollback or self._database.is_cursor_lost(cursor):
            return False
        if self._database.has_cursor(cursor):
            self._mark = mark
            return True
        return False


def close_cursor(cursor: CursorWrapper) -> None:
    """Close `cursor`; that a dead connection can't be told is no error."""
    try:
        # Django does not turn what close() raises into its own errors.
        with cursor.db.wrap_database_errors:
            cursor.close()
    except Error as error:
        logger.debug("Could not close the cursor: %s", error)
        _let_go_of_cursor(error)
        database_of(cursor.db).discard_cursor(cursor)


def _let_go_of_cursor(error: BaseException) -> None:
    """Clear the variables of what raised `error`.

    Django raises its errors from a variable, so that their tracebacks hold themselves; and with
    them the cursor, which on SQLite keeps its lock until the next garbage collection.
    """
    for raised in (error, error.__cause__):
        if raised is not None:
            clear_frames(raised.__traceback__)


class interruptions:
    """Raise StreamInterrupted where the connection or cursor is lost; leave other errors alone.

    A class: the frame of a generator would hold the error, and by its traceback itself.
    """

    def __init__(self, cursor: CursorWrapper) -> None:
        self._cursor = cursor

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, (DatabaseError, InterfaceError)):
            return
        if not database_of(self._cursor.db).is_cursor_lost(self._cursor, error):
            return
        _let_go_of_cursor(error)
        raise StreamInterrupted(
            f"stream() lost the connection or cursor that it was reading from ({error}). "
            "The rows it has handed out are right, the rest of its snapshot is gone: begin "
            "again, or use keyset_iter(), which reconnects and goes on where it was."
        ) from error
