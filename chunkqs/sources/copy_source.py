"""An export that the server writes itself, a part at a time: PostgreSQL's COPY."""

from __future__ import annotations

import atexit
import logging
from collections import deque
from collections.abc import Callable
from itertools import count
from tempfile import SpooledTemporaryFile
from typing import Any
from weakref import WeakSet

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from ..errors import StreamInterrupted
from .cursor import close_cursor
from .stream_interrupted import interruptions

logger = logging.getLogger("chunkqs")

#: Bytes of a spool that stay in memory.
SPOOL_MEMORY = 4 * 1024 * 1024

#: What is to be closed before the interpreter ends, whose threads stand still then.
OPEN: WeakSet[CopySource] = WeakSet()
NUMBERS = count(1)


@atexit.register
def close_all() -> None:
    """Close every export that was not ended."""
    for source in list(OPEN):
        source.close()


class CopySource:
    """The parts of an export, each as the one column of a row, as a server writes them."""

    blocks_held = 1
    is_of_one_thread = False

    def __init__(
        self, cursor: CursorWrapper, statement: Statement, close: Callable[[], None]
    ) -> None:
        self._cursor = cursor
        self._statement: Statement | None = statement
        self._reader = database_of(cursor.db).copy_reader(cursor)
        self._close: Callable[[], None] | None = close
        self._ended = False
        OPEN.add(self)

    def fetch(self, size: int) -> Block:
        """Return the next part, of about 64 KiB and of whole rows, whatever `size` is."""
        statement, self._statement = self._statement, None
        if statement is not None:
            self._begin(statement)
        part = b"" if self._ended else self._read()
        self._ended = not part
        return [(part,)] if part else []

    def _begin(self, statement: Statement) -> None:
        """Have the server write. The connection's watchers see the statement as a query."""
        self._cursor.cursor = self._reader
        self._cursor.execute(statement.sql, statement.params)

    def _read(self) -> bytes:
        with interruptions(self._cursor), self._cursor.db.wrap_database_errors:
            return self._reader.read()

    def cancel(self) -> None:
        """Ask the server to end the read."""
        self._reader.cancel()

    def close(self) -> None:
        """Have the server write no more, and close what was opened."""
        close, self._close = self._close, None
        if close is None:
            return
        try:
            if not self._ended:
                self._end_early()
        finally:
            self._ended = True
            close()

    def _end_early(self) -> None:
        try:
            with self._cursor.db.wrap_database_errors:
                self._reader.close()
        except Error as error:
            logger.debug("While an export was closed: %s", error)


class CallersCopySource(CopySource):
    """An export on the caller's connection, which is free again whenever the caller needs it.

    COPY takes the whole connection. So the first other query of the caller has the rest of the
    export read, into a temporary file, from where it goes on. In a transaction a savepoint
    keeps that usable when the export is left early, which cancels the COPY.
    """

    is_of_one_thread = True

    def __init__(
        self, connection: BaseDatabaseWrapper, statement: Statement, *, in_transaction: bool
    ) -> None:
        cursor = connection.cursor()
        super().__init__(cursor, statement, lambda: close_cursor(cursor))
        self._connection = connection
        self._driver_connection = connection.connection
        self._savepoint = f"chunkqs_{next(NUMBERS)}" if in_transaction else None
        self._is_reading = False
        self._spool: Spool | None = None

    def _begin(self, statement: Statement) -> None:
        """Have the server write, after a savepoint."""
        self._run("SAVEPOINT")
        self._is_reading = True
        try:
            super()._begin(statement)
        except BaseException:
            self._leave("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")
            raise
        # The first in the list is asked first, and is not the one that execute_wrapper() pops.
        self._connection.execute_wrappers.insert(0, self._make_way)

    def _make_way(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Read the rest of the export, then run the caller's query."""
        if self._is_reading and self._is_alive():
            self._spool = Spool()
            try:
                while part := super()._read():
                    self._spool.write(part)
            except Error as error:  # which is the export's, not that of the caller's query
                self._spool.error = error
                self._end_early()
            else:
                self._leave("RELEASE SAVEPOINT")
        return execute(sql, params, many, context)

    def _read(self) -> bytes:
        if self._spool is not None:
            return self._spool.read()
        if self._is_reading and not self._is_alive():
            raise StreamInterrupted(
                "The transaction or connection that an export was read from has ended, and the "
                "rest of it is gone. Read it to its end inside the atomic() block that it began "
                "in, or begin it outside of any, where it has a connection of its own."
            )
        try:
            part = super()._read()
        except BaseException:
            self._end_early()
            raise
        if self._reader.is_complete and self._is_reading:
            self._leave("RELEASE SAVEPOINT")
        return part

    def _end_early(self) -> None:
        if not self._is_reading:
            return
        if self._is_alive():
            super()._end_early()
            self._leave("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")
        else:
            self._reader.forget()
            self._leave()

    def _is_alive(self) -> bool:
        """Return whether nothing else than the server's last row has ended this COPY."""
        if self._connection.connection is not self._driver_connection:
            return False
        is_busy = database_of(self._connection).is_busy(self._driver_connection)
        return is_busy or self._reader.is_complete

    def _leave(self, *commands: str) -> None:
        """Give the connection back, in the state that it was in before."""
        self._is_reading = False
        if self._make_way in self._connection.execute_wrappers:
            self._connection.execute_wrappers.remove(self._make_way)
        try:
            for command in commands:
                self._run(command)
        except Error as error:
            logger.debug("While an export left its transaction: %s", error)

    def _run(self, command: str) -> None:
        """Run a command about the savepoint, by the driver: an export may be dropped in an event
        loop, where Django's cursors may not be used."""
        if self._savepoint is None:
            return
        connection = self._connection
        with connection.wrap_database_errors, self._driver_connection.cursor() as cursor:
            cursor.execute(f"{command} {self._savepoint}")


class Spool:
    """Parts in a temporary file, in memory while they are few."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=SPOOL_MEMORY)  # noqa: SIM115
        self._sizes: deque[int] = deque()
        self._is_read = False
        self.error: Error | None = None
        """What the export ended with, to be raised after its parts."""

    def write(self, part: bytes) -> None:
        """Append a part."""
        self._sizes.append(self._file.write(part))

    def read(self) -> bytes:
        """Return the next part; b"" at the end."""
        if not self._is_read:
            self._file.seek(0)
            self._is_read = True
        if not self._sizes:
            self._file.close()
            if self.error is not None:
                raise self.error
            return b""
        return self._file.read(self._sizes.popleft())
