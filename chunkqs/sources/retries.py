"""Retries after transient errors: when, how often, and what is logged."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..databases.answers import Scope, TransientError
from ..databases.reconnection import CallersSession
from ..databases.session import SessionMismatch
from ..django_internals.compiler import Statement
from ..django_internals.connections import in_transaction

logger = logging.getLogger("chunkqs")

Result = TypeVar("Result")

#: Seconds before the first retry, how much longer each further one waits, and the most.
FIRST_PAUSE = 0.25
PAUSE_GROWTH = 4
LONGEST_PAUSE = 60.0
#: A chunk that timed out is asked for again with a fraction of its rows: one in so many. The
#: chunks then grow back to their size by this factor.
SHRINKING = 4
RECOVERY = 1.05

RESUME = "The walk can be resumed where it was, by after= and its position."


class Retries:
    """Repeats what a transient error has broken off, up to so many times in a row.

    Inside a transaction nothing is repeated: what was done in it before is undone as well.
    """

    def __init__(self, connection: BaseDatabaseWrapper, label: str, retries: int) -> None:
        self._connection = connection
        self._database = database_of(connection)
        self._label = label
        self._retries = retries
        self._used = 0
        self._session: CallersSession | None = None
        self._share = 1.0

    def limit(self, rows: int) -> int:
        """Return how many of `rows` to ask for at once: fewer, after a timeout."""
        return max(1, int(rows * self._share))

    def remember_session(self, statement: Statement) -> None:
        """Read the session that `statement` ran in: once, before the caller has any row.

        A connection that is lost later is replaced only by one whose session is the same.
        """
        if self._session is None and self._retries and not in_transaction(self._connection):
            self._session = CallersSession(self._connection, statement)

    def scope(self) -> Scope | None:
        """Return the scope of the session: read along with it, else by a query of its own."""
        scope = None if self._session is None else self._session.scope
        return scope or self.run(self._database.scope)

    def run(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, which is called again after each transient error."""
        self._used = 0
        while True:
            try:
                result = work()
            except Error as error:
                if not self._retries or in_transaction(self._connection):
                    raise
                kind = self._database.transient_error(error)
                if kind is None:
                    raise
                self._recover(kind, error)
            else:
                self._share = min(1.0, self._share * RECOVERY)
                return result

    def _recover(self, kind: TransientError, error: Error) -> None:
        if kind is TransientError.TIMEOUT:
            self._share /= SHRINKING
        if kind is TransientError.LOST and self._connection.connection is not None:
            self._reconnect(error)
        else:
            self._pause(kind, error)

    def _reconnect(self, error: Error) -> None:
        """Connect again, and wait between the attempts as a restarting server needs it."""
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

    def _pause(self, kind: TransientError, error: Error) -> None:
        """Wait before the next retry; raise where there is none left."""
        if self._used == self._retries:
            error.add_note(f"Gave up after {self._retries} retries. {RESUME}")
            raise error
        pause = min(FIRST_PAUSE * PAUSE_GROWTH**self._used, LONGEST_PAUSE)
        self._used += 1
        logger.warning(
            "The walk of %s: %s (%s). Retry %d of %d in %.2f seconds.",
            self._label, kind.value, str(error).strip(), self._used, self._retries, pause,
        )  # fmt: skip
        # Two transactions that collided should not meet again at the same time.
        time.sleep(pause * random.uniform(0.8, 1.2))

    def _refused(self, error: Error, reason: SessionMismatch) -> Error:
        text = f"Did not replace the lost connection of the walk of {self._label}: {reason}"
        logger.warning("%s", text)
        error.add_note(f"{text}. {RESUME}")
        return error
