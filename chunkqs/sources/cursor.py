"""Where blocks of raw rows come from. No source knows about models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from django.db import DatabaseError, Error, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..django_internals.compiler import Block
from ..django_internals.connections import transaction_mark
from ..errors import StreamInterrupted

logger = logging.getLogger("chunkqs")


class Source(Protocol):
    """Gives blocks of raw rows until there are none left."""

    @property
    def blocks_held(self) -> int:
        """How many blocks it may hold at a time, the one that was asked for among them."""

    def fetch(self, size: int) -> Block:
        """Return the next rows, `size` of them where there are as many; [] at the end."""

    def close(self) -> None:
        """End the cursor, and what was opened for it. Never raises for one that is dead."""


class PlainSource:
    """A block that has been read already, handed out whole."""

    blocks_held = 1

    def __init__(self, block: Block) -> None:
        self._block = block

    def fetch(self, size: int) -> Block:
        """Return every row the first time, none after that."""
        block, self._block = self._block, []
        return block

    def close(self) -> None:
        """Nothing is open."""


class CursorSource:
    """The rows of an executed cursor, a fetch at a time."""

    blocks_held = 1

    def __init__(self, cursor: CursorWrapper, close: Callable[[], None]) -> None:
        self._cursor = cursor
        self._close: Callable[[], None] | None = close
        self._ended = False

    def fetch(self, size: int) -> Block:
        """Fetch `size` rows. A short block is the last, so the end costs no extra fetch."""
        if self._ended:
            return []
        block = self._fetch(size)
        self._ended = len(block) < size
        return block

    def _fetch(self, size: int) -> Block:
        with interruptions(self._cursor):
            return list(self._cursor.fetchmany(size))

    def close(self) -> None:
        """Close once, in whatever way fits where the cursor is."""
        self._ended = True
        close, self._close = self._close, None
        if close is not None:
            close()


class TransactionSource(CursorSource):
    """A server-side cursor in the caller's own transaction, which may end before it does."""

    def __init__(self, connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
        super().__init__(cursor, self._close_alive)
        self._connection = connection
        self._mark = transaction_mark(connection)

    def _fetch(self, size: int) -> Block:
        # Asking a cursor that is gone would abort the transaction that has come after.
        if not self._is_alive():
            raise StreamInterrupted(
                "The transaction that stream() was reading in has ended, and its cursor with it. "
                "Finish the loop inside the atomic() block that it began in, or begin it outside "
                "of any, where stream() opens a connection of its own."
            )
        return super()._fetch(size)

    def _close_alive(self) -> None:
        try:
            alive = self._is_alive()
        except Error as error:
            logger.debug("Whether the cursor is open cannot be asked: %s", error)
            alive = False
        if alive:
            close_cursor(self._cursor)
        else:
            database_of(self._connection).discard_cursor(self._cursor)

    def _is_alive(self) -> bool:
        """Tell whether the transaction goes on: by Django's word inside atomic(), else by asking.

        With autocommit off the caller may commit at any time, which Django doesn't note.
        """
        mark = transaction_mark(self._connection)
        if mark is self._mark and self._connection.in_atomic_block:
            return True
        if self._connection.autocommit and not self._connection.in_atomic_block:
            return False
        alive = self._is_known_to_server()
        self._mark = mark if alive else self._mark
        return alive

    def _is_known_to_server(self) -> bool:
        """A savepoint that was rolled back may have taken the cursor along."""
        name = self._cursor.cursor.name
        lost = database_of(self._connection).is_cursor_lost(self._cursor)
        if self._connection.needs_rollback or lost:
            return False
        # By the driver: a cursor may be dropped in an event loop, where Django's may not be used.
        connection = self._connection
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_catalog.pg_cursors WHERE name = %s", [name])
            return cursor.fetchone() is not None


def close_cursor(cursor: CursorWrapper) -> None:
    """Close `cursor`; that a dead connection cannot say goodbye is no error."""
    try:
        # Django does not turn what close() raises into its own errors.
        with cursor.db.wrap_database_errors:
            cursor.close()
    except Error as error:
        logger.debug("The cursor could not be closed: %s", error)
        database_of(cursor.db).discard_cursor(cursor)


@contextmanager
def interruptions(cursor: CursorWrapper) -> Iterator[None]:
    """Say so where the connection or cursor has gone; leave every other error as it is."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if not database_of(cursor.db).is_cursor_lost(cursor, error):
            raise
        raise StreamInterrupted(
            f"stream() lost the connection or cursor that it was reading from ({error}). "
            "The rows it has handed out are right, the rest of its snapshot is gone: begin "
            "again, or use keyset_iter(), which reconnects and goes on where it was."
        ) from error
