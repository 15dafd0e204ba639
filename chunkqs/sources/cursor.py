"""Blocks of raw rows from an executed cursor."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import Error
from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..django_internals.compiler import Block
from .running_query import RunningQuery
from .stream_interrupted import interruptions, let_go_of_cursor

logger = logging.getLogger("chunkqs")


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


def close_cursor(cursor: CursorWrapper) -> None:
    """Close `cursor`; that a dead connection can't be told is no error."""
    try:
        # Django does not turn what close() raises into its own errors.
        with cursor.db.wrap_database_errors:
            cursor.close()
    except Error as error:
        logger.debug("Could not close the cursor: %s", error)
        let_go_of_cursor(error)
        database_of(cursor.db).discard_cursor(cursor)
