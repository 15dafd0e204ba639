"""The private connection that a stream opens for itself.

It is used only where it shows exactly the rows that the caller's connection would.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

from django.db import Error, InterfaceError, NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import close_apart, connect_apart
from .mysql.session import MySQLSession
from .postgresql.psycopg import read_fast
from .postgresql.session import PostgreSQLSession
from .session import NotAssured, Session

logger = logging.getLogger("chunkqs")

#: Django's own backends. A subclass may set a tenant on each cursor, or connect elsewhere.
SESSIONS: dict[str, type[Session]] = {
    "django.db.backends.postgresql.base.DatabaseWrapper": PostgreSQLSession,
    "django.contrib.gis.db.backends.postgis.base.DatabaseWrapper": PostgreSQLSession,
    "django.db.backends.mysql.base.DatabaseWrapper": MySQLSession,
    "django.contrib.gis.db.backends.mysql.base.DatabaseWrapper": MySQLSession,
}

#: Connections of the parent process, which a forked child must not even drop: mysqlclient says
#: goodbye to the server then, in the parent's name.
INHERITED: list[object] = []

#: Seconds to wait for a connection from a pool that has room for one.
POOL_PATIENCE = 2.0


class Explained(Protocol):
    """The database's plan for a statement."""

    @property
    def text(self) -> str: ...


class PrivateConnection:
    """A second connection in one read-only transaction, and the cursor that reads in it."""

    def __init__(self, session: Session, private: Any) -> None:
        self._session = session
        self._private: BaseDatabaseWrapper | None = private
        self.driver_connection = private.connection
        self._cursors: list[CursorWrapper] = []
        self._errors = (Error, OSError, private.Database.Error)
        self._process = os.getpid()

    def cursor(self) -> CursorWrapper:
        """Make a server-side cursor, not executed yet, that the caller's watchers see."""
        cursor = self._session.server_side_cursor(self.driver_connection)
        self._cursors.append(cursor)
        return cursor

    def bare_cursor(self) -> Any:
        """Make a cursor of the driver's, which reads as Django's do and which nobody watches."""
        if self._private is None:
            raise InterfaceError("the private connection is closed")
        return read_fast(self._private.create_cursor())

    def cancel(self) -> None:
        """Ask the server to break off the fetch that another thread is waiting for."""
        self._tolerate(self.driver_connection.cancel)

    def close(self) -> None:
        """End the cursor, the transaction and the connection, from whichever thread.

        Runs no query that anyone could see. A second call does nothing, and nothing is
        raised because the connection is dead already. In a forked child the connection is
        left alone, as it is still the parent's.
        """
        private, self._private = self._private, None
        if private is None:
            return
        if os.getpid() != self._process:
            INHERITED.append((private, self.driver_connection, self._cursors))
            return
        last: Callable[[], None] = partial(close_apart, private)
        with ExitStack() as steps:
            for step in reversed([*self._ending(), last]):
                steps.callback(self._tolerate, step)

    def _ending(self) -> list[Callable[[], None]]:
        return self._session.ending(self.driver_connection, self._cursors)

    def _tolerate(self, step: Callable[[], None]) -> None:
        """Take a step on the way out; that the connection is dead does not matter there."""
        try:
            step()
        except self._errors as error:
            logger.debug("The end of a private connection: %s", error)


def open_private(
    connection: BaseDatabaseWrapper,
    statement: Statement,
    explained: Explained | None,
    *,
    insist: bool,
) -> PrivateConnection | None:
    """Open a private connection that shows `statement`'s rows as `connection` would.

    Return None, and log why, where that cannot be assured or there is no connection to
    be had. With `insist` raise instead: NotSupportedError that says why it cannot be
    assured, the database's own error where it refuses the connection.
    """
    try:
        private = _open(connection, statement, explained)
    except NotAssured as reason:
        logger.debug("No private connection for %r: %s", connection.alias, reason)
        if insist:
            raise _refusal(reason) from reason
        return None
    except Error as error:
        logger.debug("No private connection to be had for %r: %s", connection.alias, error)
        if insist:
            raise
        return None
    logger.debug("A private connection for %r, in a transaction of its own", connection.alias)
    return private


def _refusal(reason: NotAssured) -> NotSupportedError:
    return NotSupportedError(
        f"stream(private=True): a private connection might not show the same rows: {reason}. "
        "Leave private= out, and the stream runs on the connection that it was called with."
    )


def _open(
    connection: BaseDatabaseWrapper, statement: Statement, explained: Explained | None
) -> PrivateConnection:
    session = session_of(connection, statement)
    with errors_as_doubt("the session could not be read"):
        session.survey(explained.text if explained else None)
    private = PrivateConnection(session, connect_apart(connection, POOL_PATIENCE))
    try:
        with errors_as_doubt("the session could not be carried over"):
            session.transfer(private.driver_connection)
    except BaseException:
        private.close()
        raise
    return private


def session_of(connection: BaseDatabaseWrapper, statement: Statement) -> Session:
    """Return what reads the session of `connection`. No query yet."""
    backend = f"{type(connection).__module__}.{type(connection).__qualname__}"
    if backend not in SESSIONS:
        raise NotAssured(f"the database backend {backend} may set up its connections by itself")
    if connection.in_atomic_block or not connection.get_autocommit():
        raise NotAssured("the caller is in a transaction, whose own rows only it can see")
    if connection.allow_thread_sharing:
        raise NotAssured("the caller's connection is shared between threads")
    return SESSIONS[backend](connection, statement)


@contextmanager
def errors_as_doubt(what: str) -> Iterator[None]:
    """What the database refuses while sessions are compared is a reason to doubt."""
    try:
        yield
    except Error as error:
        raise NotAssured(f"{what} ({str(error).strip()})") from error
