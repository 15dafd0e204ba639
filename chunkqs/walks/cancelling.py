"""Cancel the query that another thread waits for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from time import sleep

#: Seconds between one request and the next.
PAUSE = 0.1


def cancel_until_noticed(send: Callable[[], bool]) -> None:
    """Have the server end what a thread waits for. `send` does so, and returns whether it waits.

    The server ignores a request that comes before the query, so it is repeated: in a thread, as
    this may be that of an event loop.
    """
    if send():
        Thread(target=_repeat, args=[send], name="chunkqs cancel", daemon=True).start()


def _repeat(send: Callable[[], bool]) -> None:
    sleep(PAUSE)
    while send():
        sleep(PAUSE)
