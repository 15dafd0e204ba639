"""Cancel the query that another thread waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from threading import RLock, Thread
from time import sleep
from typing import Protocol

logger = logging.getLogger("chunkqs")

#: Seconds between one request and the next.
PAUSE = 0.1


class Cancellable(Protocol):
    """What may have a query running."""

    def cancel(self) -> None:
        """Ask the server to end the query."""


class Turn:
    """Whether a thread fetches and builds now, so that others may cancel what it waits for."""

    def __init__(self) -> None:
        self._lock = RLock()
        self.is_going_on = False

    def begin(self) -> None:
        """Let its queries be cancelled."""
        self.is_going_on = True

    def end(self) -> None:
        """Wait for a request that is on its way: it must not meet another query."""
        with self._lock:
            self.is_going_on = False

    def cancel(
        self, running: Callable[[], Cancellable], errors: tuple[type[Exception], ...]
    ) -> None:
        """Have the server end what the thread waits for; `errors` are those of the driver.

        The server ignores a request that comes before the query, so it is repeated until the
        turn has ended: in a thread, as this may be that of an event loop.
        """
        send = partial(self._send, running, (*errors, OSError))
        if send():
            Thread(target=_repeat, args=[send], name="chunkqs cancel", daemon=True).start()

    def _send(
        self, running: Callable[[], Cancellable], errors: tuple[type[Exception], ...]
    ) -> bool:
        """Send a request; return False if no thread waits."""
        with self._lock:
            if self.is_going_on:
                try:
                    running().cancel()
                except errors as error:
                    logger.debug("Could not cancel the query of a walk: %s", error)
            return self.is_going_on


def _repeat(send: Callable[[], bool]) -> None:
    sleep(PAUSE)
    while send():
        sleep(PAUSE)
