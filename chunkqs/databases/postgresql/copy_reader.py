"""What a server writes by COPY, read a part at a time: by psycopg2 and by psycopg 3.

Each class stands in the place of a driver's cursor, so that whoever watches the queries of a
connection sees the COPY as one of them.
"""

from __future__ import annotations

import selectors
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace
from typing import Any

from ..latch import Latch, take

#: Bytes of whole rows that are handed on together.
PART_BYTES = 64 * 1024
#: Seconds after which a cancel request is repeated: one that comes too early is ignored.
PATIENCE = 0.1


class Psycopg2Copy:
    """psycopg2 pushes rows into a file. In a thread of its own it can be made to wait.

    The thread uses the connection only while the caller is in `execute()`, `read()` or
    `close()`: one of the two always waits for the other.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._rows: list[bytes] = []
        self._size = 0
        self._error: BaseException | None = None
        self._thread: Thread | None = None
        # Queues of C's: a semaphore may stay locked where a signal raises. See Latch.
        self._wanted: SimpleQueue[None] = SimpleQueue()
        self._given: SimpleQueue[None] = SimpleQueue()
        self._done = Latch()
        self._is_abandoned = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    @property
    def is_complete(self) -> bool:
        """Whether the server has nothing more to write."""
        return self._done.is_set

    def execute(self, sql: str, params: Any = None) -> None:
        """Begin, and wait for the first part or the error that comes instead."""
        statement = self._cursor.mogrify(sql, params)
        self._thread = Thread(target=self._run, args=(statement,), name="chunkqs COPY", daemon=True)
        self._thread.start()
        take(self._given)
        if self._error is not None:
            self._raise()

    def _run(self, statement: bytes) -> None:
        try:
            self._cursor.copy_expert(statement, self)
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()
            self._given.put(None)

    def write(self, row: bytes) -> None:
        """Take a row from psycopg2, and wait where there are enough of them."""
        if self._is_abandoned:
            return
        self._rows.append(row)
        self._size += len(row)
        if self._size >= PART_BYTES:
            self._given.put(None)
            self._wanted.get()

    def read(self) -> bytes:
        """Return the rows that came, and let the next ones come when they are asked for."""
        if not self._rows and not self._done.is_set:
            self._wanted.put(None)
            take(self._given)
        rows, self._rows, self._size = self._rows, [], 0
        if not rows and self._error is not None:
            self._raise()
        return b"".join(rows)

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def cancel(self) -> None:
        """Send a cancel request, by a connection of the driver's own."""
        self._cursor.connection.cancel()

    def close(self) -> None:
        """Have the server write no more, and wait until the connection is free."""
        if self._thread is None or self._done.is_set:
            return
        self._is_abandoned = True
        self.cancel()
        self._wanted.put(None)
        while self._thread.is_alive() and not self._done.wait(PATIENCE):
            self.cancel()

    def forget(self) -> None:
        """Let the thread notice that there is no COPY any more."""
        self._is_abandoned = True
        self._wanted.put(None)


class Psycopg3Copy:
    """psycopg 3 hands on a row at a time; its libpq has many of them by then."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._connection = cursor.connection
        self._pgconn = cursor.connection.pgconn
        self._error: Exception | None = None
        self.is_complete = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, params: Any = None) -> None:
        """Begin, and wait for the server to agree."""
        from psycopg import ClientCursor, pq

        statement = ClientCursor(self._connection).mogrify(sql, params).encode()
        # Where Django looks for what was executed last.
        self._query = SimpleNamespace(query=statement)
        self._pgconn.send_query(statement)
        while self._pgconn.flush():
            self._wait(selectors.EVENT_WRITE)
        result = self._result()
        if result.status != pq.ExecStatus.COPY_OUT:
            self._complete(result)
            self._raise()

    def read(self) -> bytes:
        """Return the rows that came; wait for the server where there are too few."""
        rows: list[Any] = []
        size = 0
        while size < PART_BYTES and not self.is_complete:
            length, data = self._pgconn.get_copy_data(1)
            if length > 0:
                rows.append(data)
                size += length
            elif length == 0:
                self._receive()
            else:
                self._complete(self._result())
        if not rows:
            self._raise()
        return b"".join(rows)

    def _receive(self) -> None:
        self._wait(selectors.EVENT_READ)
        self._pgconn.consume_input()

    def _result(self) -> Any:
        while self._pgconn.is_busy():
            self._receive()
        return self._pgconn.get_result()

    def _complete(self, result: Any) -> None:
        """Take in the last results, and the error that may be among them."""
        from psycopg import errors, pq

        while result is not None:
            if result.status != pq.ExecStatus.COMMAND_OK:
                self._error = errors.error_from_result(result)
            result = self._result()
        self.is_complete = True

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _wait(self, event: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._pgconn.socket, event)
            selector.select()

    def cancel(self) -> None:
        """Send a cancel request, by a connection of the driver's own."""
        self._connection.cancel()

    def close(self) -> None:
        """Have the server write no more, and take in what is on its way."""
        if self.is_complete or self._connection.closed:
            return
        self.cancel()
        with suppress(self._connection.Error):  # which says that it was canceled
            while self.read():
                pass

    def forget(self) -> None:
        """Remember that there is nothing to read."""
        self.is_complete = True
