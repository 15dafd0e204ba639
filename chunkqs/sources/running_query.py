"""The query that a thread waits for, to be cancelled by another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..databases.base import Database


class RunningQuery:
    """What runs on the server for one walk, if anything does."""

    def __init__(self) -> None:
        self._running: tuple[Database, Any] | None = None
        self._lock = RLock()

    @contextmanager
    def waiting(self, cursor: CursorWrapper) -> Iterator[None]:
        """Note that a query of `cursor` runs while the block does."""
        database = database_of(cursor.db)
        self._running = database, database.cancel_handle(cursor.cursor.connection)
        try:
            yield
        finally:
            with self._lock:  # a request that is on its way must not meet the caller's next query
                self._running = None

    def cancel(self) -> None:
        """Ask the server to end the query, if one runs."""
        with self._lock:
            if self._running is not None:
                database, handle = self._running
                database.cancel(handle)
