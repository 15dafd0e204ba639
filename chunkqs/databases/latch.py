"""Wait for what another thread does once, in a way that the exception of a signal can't break."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Lock

#: Seconds to wait at a time. A signal that another thread of the process receives, or that comes
#: just before the wait begins, wakes nobody: its handler runs when the wait ends.
AT_A_TIME = 0.5


class Latch:
    """An event that is set once.

    Ctrl-C or a task queue's time limit raises at any step of Python's. Where that is in the
    `__enter__` of `threading.Condition`, on which Event and Semaphore rest, the lock stays locked
    and the other thread waits forever. This one is a lock of C's and a flag.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._lock = Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let go on who waits. Only once."""
        self.is_set = True
        self._lock.release()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait, at most for so many seconds; return whether it is set."""
        while not self.is_set:
            if self._lock.acquire(timeout=AT_A_TIME if seconds is None else seconds):
                self._lock.release()
            if seconds is not None:
                break
        return self.is_set


def take(queue: SimpleQueue[None]) -> None:
    """Wait until there is something in a queue, and take it."""
    while True:
        try:
            return queue.get(timeout=AT_A_TIME)
        except Empty:
            continue
