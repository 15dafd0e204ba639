"""How many private connections this process has open, and may have (MAX_PRIVATE_CONNECTIONS)."""

from __future__ import annotations

import os
import threading
from collections import Counter, defaultdict

from ..settings import chunkqs_settings
from .session import NoRoom

#: Seconds to wait for another thread's stream to end.
TIMEOUT = 0.5


class Places:
    """The private connections that are open, by alias and by the thread that opened them."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of them: a forked child has none, and its locks may be held by nobody."""
        self._changed = threading.Condition()
        self._taken: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def take(self, alias: str) -> int:
        """Take a place, and return what gives it back; raise NoRoom where none gets free.

        A thread that holds all of the others itself does not wait: nobody would give one back.
        """
        most, thread = chunkqs_settings().max_private_connections, threading.get_ident()
        with self._changed:
            taken = self._taken[alias]
            others_hold_some = taken.total() > taken[thread]
            if others_hold_some:
                self._changed.wait_for(lambda: taken.total() < most, TIMEOUT)
            if taken.total() >= most:
                raise _no_room(alias, most)
            taken[thread] += 1
        return thread

    def give_back(self, alias: str, thread: int) -> None:
        """Free the place that a thread took, from whichever thread."""
        with self._changed:
            self._taken[alias] -= Counter({thread: 1})
            self._changed.notify_all()


def _no_room(alias: str, most: int) -> NoRoom:
    return NoRoom(
        "this process may have no more private connections",
        f"for {alias!r} than {most}",
        remedy="Stream fewer results at a time, or raise CHUNKQS['MAX_PRIVATE_CONNECTIONS'].",
    )


places = Places()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=places.reset)
