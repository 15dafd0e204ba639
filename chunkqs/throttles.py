"""Throttles, which limit the load of a walk: for `throttle=` of chunks() and keyset_iter().

A throttle is any callable. It is called before each chunk and returns how many seconds to wait,
or 0. One whose `asks_again` is true is called again after each wait, until it returns 0.
"""

from __future__ import annotations

import math
import sys
import time
from abc import ABC, abstractmethod
from copy import copy
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, NotSupportedError, OperationalError, connections
from django.utils.connection import ConnectionDoesNotExist

from .databases import database_of


class Throttle(ABC):
    """A throttle with state of its own for each walk."""

    asks_again = False
    """Whether to call it again after a wait, until it returns 0."""

    @abstractmethod
    def __call__(self) -> float:
        """Return how many seconds to wait before the next chunk."""

    def fresh(self) -> Self:
        """Return a copy for a new walk."""
        return copy(self)


class DutyCycle(Throttle):
    """Work for a share of the time: `DutyCycle(0.25)` waits three times as long as it works.

    Work is a whole iteration of the loop: the query and what the caller does with its rows.
    """

    def __init__(self, share: float) -> None:
        if not isinstance(share, int | float) or isinstance(share, bool):
            raise TypeError(
                f"share must be a part of the time, above 0 and up to 1, not {share!r}."
            )
        if not 0 < share <= 1:
            raise ValueError(
                f"share must be a part of the time, above 0 and up to 1, not {share!r}."
            )
        self.share = share
        self._resumed: float | None = None

    def __call__(self) -> float:
        """Return the pause that matches the iteration that has ended."""
        now = time.monotonic()
        worked = 0.0 if self._resumed is None else max(0.0, now - self._resumed)
        pause = worked * (1 - self.share) / self.share
        self._resumed = now + pause
        return pause


class Condition(Throttle):
    """Wait while a figure that the database reports is above a limit.

    The figure is queried at most once in `interval` seconds, on the connection `using`.
    """

    asks_again = True

    def __init__(
        self, limit: float, using: str = DEFAULT_DB_ALIAS, *, interval: float = 1.0
    ) -> None:
        self._limit = _number(limit, "limit", least=0.0)
        self._interval = _number(interval, "interval", least=0.001)
        if using not in connections:
            raise ConnectionDoesNotExist(
                f"{type(self).__name__} of the database {using!r}, which is not in DATABASES. "
                f"Known are: {', '.join(connections)}."
            )
        self.using = using
        self._next_look = 0.0

    def __call__(self) -> float:
        """Return `interval` while the figure is above the limit."""
        now = time.monotonic()
        if now < self._next_look:
            return 0.0
        if self._measured() > self._limit:
            return self._interval
        self._next_look = now + self._interval
        return 0.0

    def _measured(self) -> float:
        connection = connections[self.using]
        try:
            return self.measure()
        except OperationalError:
            if connection.in_atomic_block:
                raise
            connection.close_if_unusable_or_obsolete()
            return self.measure()

    @abstractmethod
    def measure(self) -> float:
        """Return the figure: one query."""


class ReplicaLag(Condition):
    """Wait while a replica is more than `seconds` behind.

    `using` is the alias of the replica. On PostgreSQL it may also be that of the primary, which
    knows the lag of its slowest streaming replica.
    """

    def __init__(
        self, seconds: float, using: str = DEFAULT_DB_ALIAS, *, interval: float = 1.0
    ) -> None:
        super().__init__(seconds, using, interval=interval)
        _refuse_without(database_of(connections[using]).knows_replication_lag, self)

    def measure(self) -> float:
        """Return the lag in seconds."""
        return database_of(connections[self.using]).replication_lag()


class ActiveQueries(Condition):
    """Wait while more than `limit` other queries run in the database."""

    def __init__(self, limit: int, using: str = DEFAULT_DB_ALIAS, *, interval: float = 1.0) -> None:
        super().__init__(limit, using, interval=interval)
        _refuse_without(database_of(connections[using]).knows_active_queries, self)

    def measure(self) -> float:
        """Return the number of queries."""
        return database_of(connections[self.using]).active_queries()


def _refuse_without(known: bool, throttle: Condition) -> None:
    if not known:
        raise NotSupportedError(
            f"{type(throttle).__name__} is for PostgreSQL, MySQL and MariaDB, not for "
            f"{database_of(connections[throttle.using]).label}."
        )


def _number(value: Any, name: str, least: float, most: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}.")
    if not least <= value <= min(most, sys.float_info.max):
        raise ValueError(f"{name} must be a number from {least} to {most}, not {value!r}.")
    return value
