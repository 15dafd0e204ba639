"""Behind a pooler such as pgbouncer: whether it has a server connection for two at a time."""

from __future__ import annotations

from threading import Thread
from typing import Any

from ..latch import Latch
from ..session import NoRoom

#: Seconds to wait for an answer on the caller's connection. pgbouncer lets a query wait for 120.
TIMEOUT = 2.0


class Question(Thread):
    """A query on a driver connection, which a pooler may let wait for as long as it likes."""

    def __init__(self, driver_connection: Any) -> None:
        super().__init__(name="chunkqs pooler", daemon=True)
        self._driver_connection = driver_connection
        self._answered = Latch()

    def run(self) -> None:
        """Ask; an error is no answer, and shows again in whatever the connection does next."""
        try:
            with self._driver_connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except BaseException:
            return
        self._answered.set()

    def is_answered(self, timeout: float) -> bool:
        """Wait for the answer; return whether it came."""
        return self._answered.wait(timeout)


def require_second_process(callers_connection: Any) -> None:
    """Raise NoRoom where the caller's connection has no server process while ours has one.

    Ask where both connections have been served by one process, ours within a transaction: a
    pooler hands it from one to the other, and may have no other. A loop that runs a query would
    wait for the stream, and the stream for the loop. The question is answered, if not sooner,
    when our transaction ends.
    """
    question = Question(callers_connection)
    question.start()
    if not question.is_answered(TIMEOUT):
        raise NoRoom(
            "the pooler in front of PostgreSQL has no second server connection at the moment",
            remedy=(
                "Raise pgbouncer's default_pool_size, or use keyset_iter(), which needs one "
                "connection alone."
            ),
        )
