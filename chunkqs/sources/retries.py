"""Asking again after a fault that passes: when, how often, and what is said about it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..databases.base import TransientError
from ..databases.reconnection import CallersSession
from ..databases.session import SessionMismatch
from ..django_internals.compiler import Statement

logger = logging.getLogger("chunkqs")

Result = TypeVar("Result")

#: Seconds before the first repetition, how much longer each further one waits, and the most.
FIRST_PAUSE = 0.25
PAUSE_GROWTH = 4
LONGEST_PAUSE = 60.0
#: Of the rows of a chunk that took too long, how many are asked for next; and how fast the
#: chunks grow to their size again.
SHRINKING = 4
RECOVERY = 1.05

TAKE_UP = "The walk can be taken up where it was, by after= and its position."


class Retries:
    """Repeats what a fault has broken off, up to so many times in a row.

    Inside a transaction nothing is repeated: what was done in it before is undone as well.
    """

    def __init__(self, connection: BaseDatabaseWrapper, label: str, retries: int) -> None:
        self._connection = connection
        self._label = label
        self._retries = retries
        self._used = 0
        self._session: CallersSession | None = None
        self._share = 1.0

    def fitting(self, rows: int) -> int:
        """Return how many of `rows` to ask for at once: fewer, after a timeout."""
        return max(1, int(rows * self._share))

    def remember_session(self, statement: Statement) -> None:
        """Read the session that `statement` ran in: once, before the caller has any row."""
        if self._session is None and self._retries and not self._in_transaction():
            self._session = CallersSession(self._connection, statement)

    def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, which is called again after each fault."""
        self._used = 0
        while True:
            try:
                result = work()
            except Error as error:
                fault = self._transient(error)
                if fault is None or not self._retries:
                    raise
                self._overcome(fault, error)
            else:
                self._share = min(1.0, self._share * RECOVERY)
                return result

    def _transient(self, error: Error) -> TransientError | None:
        if self._in_transaction():
            return None
        return database_of(self._connection).transient_error(error)

    def _overcome(self, fault: TransientError, error: Error) -> None:
        if fault is TransientError.TIMEOUT:
            self._share /= SHRINKING
        if fault is TransientError.LOST and self._connection.connection is not None:
            self._reconnect(error)
        else:
            self._pause(fault, error)

    def _reconnect(self, error: Error) -> None:
        """Connect anew, with the patience that a restarting server needs."""
        latest = error
        while True:
            try:
                if self._session is None:
                    raise SessionMismatch("it was lost before its session had been read")
                self._session.assure()
                self._pause(TransientError.LOST, latest)
                return self._session.reconnect()
            except SessionMismatch as reason:
                raise self._refused(error, reason) from error.__cause__
            except Error as again:
                if again is latest:
                    raise
                latest = again

    def _pause(self, fault: TransientError, error: Error) -> None:
        """Wait before the next retry; raise where there is none left."""
        if self._used == self._retries:
            error.add_note(f"{self._retries} retries were of no use. {TAKE_UP}")
            raise error
        pause = min(FIRST_PAUSE * PAUSE_GROWTH**self._used, LONGEST_PAUSE)
        self._used += 1
        logger.warning(
            "The walk of %s: %s (%s). Retry %d of %d in %.2f seconds.",
            self._label, fault.value, str(error).strip(), self._used, self._retries, pause,
        )  # fmt: skip
        # Two that were in each other's way should not meet again at the same time.
        time.sleep(pause * random.uniform(0.8, 1.2))

    def _refused(self, error: Error, reason: SessionMismatch) -> Error:
        text = f"No new connection for the walk of {self._label} in place of the lost one: {reason}"
        logger.warning("%s", text)
        error.add_note(f"{text}. {TAKE_UP}")
        return error

    def _in_transaction(self) -> bool:
        connection = self._connection
        if connection.connection is None:  # not yet, or not any more
            return connection.in_atomic_block or not connection.settings_dict["AUTOCOMMIT"]
        return connection.in_atomic_block or not connection.autocommit
