"""Read ahead: fetch the next block while the caller works on this one.

Waiting for a result and receiving it releases the GIL: a thread does it. Making Python objects of
it needs the GIL, so the thread that asks for the block does that. With small rows this is never
slower, as benchmarks/read_ahead.py measures; rows of many kilobytes are bound by memory bandwidth,
which two threads on the server's machine share.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from threading import Thread
from typing import Any
from weakref import WeakSet

from django.db import InterfaceError
from django.db.backends.utils import CursorWrapper

from ..databases.latch import Latch
from ..django_internals.compiler import Block
from .stream_interrupted import interruptions

#: Seconds to wait for a fetch before the server is asked to cancel it, which takes a connection.
CANCEL_AFTER = 0.1

#: Sources to close before the interpreter ends: it stops its threads, and one in the middle of a
#: fetch would keep its connection.
OPEN: WeakSet[ReadAheadSource] = WeakSet()


@atexit.register
def close_all() -> None:
    """Close every walk that was not ended."""
    for source in list(OPEN):
        source.close()


class ReadAheadSource:
    """The rows of PostgreSQL's server-side cursor, one block ahead of what is asked for.

    Only for a connection that nobody else uses. An error in the thread reaches the caller
    when the rows before it are used up, as it does without a thread.
    """

    blocks_held = 2
    is_of_one_thread = False

    def __init__(
        self,
        cursor: CursorWrapper,
        bare_cursor: Callable[[], Any],
        cancel: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        self._cursor = cursor
        self._bare_cursor = bare_cursor
        self._cancel = cancel
        self._close: Callable[[], None] | None = close
        self._ahead: Fetch | None = None
        self._ended = False
        OPEN.add(self)

    def fetch(self, size: int) -> Block:
        """Return the block that was fetched meanwhile, and begin with the next one."""
        if self._ended:
            return []
        with interruptions(self._cursor), self._cursor.db.wrap_database_errors:
            # Stays where close() finds it: an interrupt may end the wait.
            ahead = self._ahead = self._ahead or self._begin(size)
            # All rows of one block first: psycopg2 has none once the next one has lost the server.
            rows = _all_rows(ahead.result())
            # A short block is the last, so the end costs no extra fetch.
            self._ended = len(rows) < ahead.size
            self._ahead = None if self._ended else self._begin(size)
            return rows

    def _begin(self, size: int) -> Fetch:
        name = self._cursor.db.ops.quote_name(self._cursor.cursor.name)
        return Fetch(self._bare_cursor(), f"FETCH FORWARD {size} FROM {name}", size)

    def cancel(self) -> None:
        """Ask the server to end the fetch."""
        self._cancel()

    def close(self) -> None:
        """End the fetch that is under way, and what was opened. Waits for no row."""
        self._ended = True
        ahead, self._ahead = self._ahead, None
        while ahead and not ahead.wait(CANCEL_AFTER):
            self._cancel()  # once more, as a request that comes too early is ignored
        close, self._close = self._close, None
        if close is not None:
            close()


def _all_rows(cursor: Any) -> Block:
    try:
        return list(cursor.fetchall())
    finally:
        cursor.close()  # which frees what the rows were made of


class Fetch(Thread):
    """A fetch that is under way. The thread is a new one each time: that takes less than
    a hundredth of a fetch, and leaves none waiting when a walk is forgotten."""

    def __init__(self, cursor: Any, statement: str, size: int) -> None:
        super().__init__(name="chunkqs read-ahead", daemon=True)
        self.size = size
        self._cursor = cursor
        self._statement = statement
        self._error: BaseException | None = None
        # join() and is_alive() may take the thread for ended where an interrupt ends their waiting.
        self._done = Latch()
        self._process = os.getpid()
        try:
            self.start()
        except RuntimeError:  # no more threads can be started
            self.run()

    def run(self) -> None:
        """Have the server send the block, and keep what came of it for result()."""
        try:
            self._cursor.execute(self._statement)
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is under way any more; say so. In a forked child nothing is."""
        return os.getpid() != self._process or self._done.wait(seconds)

    def result(self) -> Any:
        """Return the cursor that has the block, when it has; raise what the fetch has raised."""
        self.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error
        if not self._done.is_set:
            raise InterfaceError("The rows are being read by the process that began this walk.")
        return self._cursor
