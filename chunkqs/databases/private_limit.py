"""How many private connections this process has open, and may have (MAX_PRIVATE_CONNECTIONS)."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from ..settings import chunkqs_settings
from .session import NoRoom

#: Seconds to wait for another thread's stream to end.
TIMEOUT = 0.5
#: Seconds in which the caller's own connection gets the room of a private one that ends.
CALLERS_TIMEOUT = 5.0
PAUSE = 0.05
#: Seconds after which is looked again for a place that another thread gave back.
LOOK_AGAIN = 0.01


class Place:
    """What a thread took for a private connection."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()


class Places:
    """The private connections that are open, by alias.

    A place is taken for as long as it exists: one that an interrupt kept from being given back is
    free when the garbage collector has found it. The lock is one of C's, which an interrupt cannot
    leave locked as it can a Condition: see Latch.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of them: a forked child has none, and its locks may be held by nobody."""
        self._lock = threading.RLock()
        self._taken: defaultdict[str, WeakSet[Place]] = defaultdict(WeakSet)
        self._waiting: Counter[str] = Counter()

    def take(self, alias: str) -> Place:
        """Take a place; raise NoRoom where none gets free.

        A thread that holds all of the others itself does not wait: nobody would give one back.
        """
        most, place = chunkqs_settings().max_private_connections, Place()
        until = time.monotonic() + TIMEOUT
        while not self._take(place, alias, most):
            if time.monotonic() > until or not self.are_held_by_others(alias):
                raise _no_room(alias, most)
            time.sleep(LOOK_AGAIN)
        return place

    def _take(self, place: Place, alias: str, most: int) -> bool:
        with self._lock:
            taken = self._taken[alias]
            if len(taken) >= most:
                return False
            if self._waiting[alias]:
                raise NoRoom("the server has no room for the callers' own connections")
            taken.add(place)
            return True

    def are_held_by_others(self, alias: str) -> bool:
        """Return whether other threads have private connections open."""
        thread = threading.get_ident()
        with self._lock:
            return any(place.thread != thread for place in self._taken[alias])

    @contextmanager
    def kept_for_callers(self, alias: str) -> Iterator[None]:
        """Refuse private connections while a caller waits for room for its own."""
        with self._lock:
            self._waiting[alias] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[alias] -= 1

    def give_back(self, alias: str, place: Place) -> None:
        """Free a place, from whichever thread."""
        with self._lock:
            self._taken[alias].discard(place)


def _no_room(alias: str, most: int) -> NoRoom:
    return NoRoom(
        "this process may have no more private connections",
        f"for {alias!r} than {most}",
        remedy="Stream fewer results at a time, or raise CHUNKQS['MAX_PRIVATE_CONNECTIONS'].",
    )


def connect_caller(connection: BaseDatabaseWrapper) -> None:
    """Connect, if the caller is not connected yet.

    Where the server has no room, and private connections of other threads are a reason for
    that, try again for a while. Until then no further private connection is opened.
    """
    try:
        connection.ensure_connection()
    except OperationalError:
        if not places.are_held_by_others(connection.alias):
            raise
        with places.kept_for_callers(connection.alias):
            _connect_again(connection, time.monotonic() + CALLERS_TIMEOUT)


def _connect_again(connection: BaseDatabaseWrapper, until: float) -> None:
    while True:
        time.sleep(PAUSE)
        try:
            return connection.ensure_connection()
        except OperationalError:
            if time.monotonic() > until:
                raise


places = Places()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=places.reset)
