"""The private connection that a stream opens for itself.

It is used only where it shows exactly the rows that the caller's connection would.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from django.db import Error, InterfaceError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import close_apart, connect_apart, in_transaction
from . import database_of
from .answers import Explanation
from .base import Database
from .inherited_by_forks import INHERITED
from .known_engines import refuse_unknown_engine
from .private_limit import places
from .session import NoRoom, Refusal, Session, SessionMismatch, errors_as_mismatch

logger = logging.getLogger("chunkqs")

#: Seconds to wait for a connection from a pool that has room for one.
POOL_TIMEOUT = 2.0


class PrivateConnection:
    """A second connection in one read-only transaction, and the cursor that reads in it."""

    def __init__(
        self,
        database: Database,
        session: Session,
        private: Any,
        give_back: Callable[[], None],
    ) -> None:
        self._database = database
        self._session = session
        self._private: BaseDatabaseWrapper | None = private
        self._give_back = give_back
        self.driver_connection = private.connection
        self._cursors: list[CursorWrapper] = []
        self._errors = (Error, OSError, private.Database.Error)
        self._process = os.getpid()

    def cursor(self) -> CursorWrapper:
        """Make a server-side cursor, not executed yet, that the caller's watchers see."""
        cursor = self._session.server_side_cursor(self.driver_connection)
        self._cursors.append(cursor)
        return cursor

    def plain_cursor(self) -> CursorWrapper:
        """Make an ordinary cursor that the caller's watchers see."""
        cursor = self._session.cursor(self.driver_connection)
        self._cursors.append(cursor)
        return cursor

    def bare_cursor(self) -> Any:
        """Make a cursor of the driver's, which reads as Django's do and which nobody watches."""
        if self._private is None:
            raise InterfaceError("the private connection is closed")
        return self._database.prepare_cursor(self._private.create_cursor())

    def cancel(self) -> None:
        """Ask the server to break off the fetch that another thread is waiting for."""
        self._tolerate(partial(self._database.cancel, self.driver_connection))

    def close(self) -> None:
        """End the cursor, the transaction and the connection, from whichever thread.

        Run no query that anyone could see. Do nothing the second time, and raise nothing
        where the connection is dead already. In a forked child leave the connection alone, as
        it is still the parent's.
        """
        private, self._private = self._private, None
        if private is None:
            return
        if os.getpid() != self._process:
            INHERITED.append((private, self.driver_connection, self._cursors))
            return
        last: Callable[[], None] = partial(close_apart, private)
        with ExitStack() as steps:
            steps.callback(self._give_back)
            for step in reversed([*self._closing_steps(), last]):
                steps.callback(self._tolerate, step)

    def _closing_steps(self) -> list[Callable[[], None]]:
        return self._session.closing_steps(self.driver_connection, self._cursors)

    def _tolerate(self, step: Callable[[], None]) -> None:
        """Take a step on the way out; that the connection is dead does not matter there."""
        try:
            step()
        except self._errors as error:
            logger.debug("While a private connection was closed: %s", error)


def open_private(
    connection: BaseDatabaseWrapper, statement: Statement, explanation: Explanation | None
) -> PrivateConnection:
    """Open a private connection that shows `statement`'s rows as `connection` would.

    Raise SessionMismatch where that cannot be assured, NoRoom where there is no connection for
    it, caused by the database's error if it was that which refused one.
    """
    try:
        private = _open(connection, statement, explanation)
    except Refusal as refusal:
        logger.debug("No private connection for %r: %s", connection.alias, refusal)
        raise
    logger.debug("A private connection for %r, in a transaction of its own", connection.alias)
    return private


def _open(
    connection: BaseDatabaseWrapper, statement: Statement, explanation: Explanation | None
) -> PrivateConnection:
    """Open a private connection. Raise SessionMismatch where it might show other rows."""
    session = session_of(connection, statement)
    with errors_as_mismatch("the session could not be read"):
        session.survey(explanation)
    private = _connect(connection, session)
    try:
        with errors_as_mismatch("the session could not be carried over"):
            session.transfer(private.driver_connection)
    except BaseException:
        private.close()
        raise
    return private


def _connect(connection: BaseDatabaseWrapper, session: Session) -> PrivateConnection:
    alias = connection.alias
    give_back = partial(places.give_back, alias, places.take(alias))
    try:
        apart = connect_apart(connection, POOL_TIMEOUT)
    except BaseException as error:
        give_back()
        if isinstance(error, Error):
            raise _refused_by_database(error) from error
        raise
    return PrivateConnection(database_of(connection), session, apart, give_back)


def _refused_by_database(error: Error) -> NoRoom:
    return NoRoom(
        "the database or its pool has no further connection",
        f"({str(error).strip()})",
        remedy=(
            "Raise the limit that it names, or lower CHUNKQS['MAX_PRIVATE_CONNECTIONS'] for "
            "fewer of them at a time."
        ),
    )


def session_of(connection: BaseDatabaseWrapper, statement: Statement) -> Session:
    """Return what reads the session of `connection`, without a query.

    Raise SessionMismatch where it is known without one that another session may differ.
    """
    session = database_of(connection).session(statement)
    if session is None:
        raise SessionMismatch(f"chunkqs cannot compare sessions of {connection.display_name}")
    refuse_unknown_engine(connection)
    if in_transaction(connection):
        raise SessionMismatch("the caller is in a transaction, whose own rows only it can see")
    if connection.allow_thread_sharing:
        raise SessionMismatch("the caller's connection is shared between threads")
    return session
