"""A server-side cursor in the caller's own transaction, which may end before the loop does."""

from __future__ import annotations

import logging

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..django_internals.compiler import Block
from ..django_internals.connections import transaction_mark
from ..errors import StreamInterrupted
from .cursor import CursorSource, close_cursor

logger = logging.getLogger("chunkqs")


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
