"""The query that a thread waits for, to be cancelled by another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..databases.base import Database


class RunningQuery:
    """What runs on the server for one walk, if anything does."""

    def __init__(self) -> None:
        self._running: tuple[Database, Any] | None = None

    @contextmanager
    def waiting(self, cursor: CursorWrapper) -> Iterator[None]:
        """Note that a query of `cursor` runs while the block does."""
        database = database_of(cursor.db)
        self._running = database, database.cancel_handle(cursor.cursor.connection)
        try:
            yield
        finally:
            self._running = None

    def cancel(self) -> None:
        """Ask the server to end the query, if one runs."""
        if self._running is not None:
            database, handle = self._running
            database.cancel(handle)
