"""A new connection in place of a lost one, where the two surely show the same rows.

A session may have a role, a search path, variables, locks and temporary tables of its own,
which end with its connection. To go on without them could show another tenant's rows, and
would leave the caller's own code without them too. So the session is read while it is
there, and the new one must equal it; nothing is carried over.
"""

from __future__ import annotations

from contextlib import suppress

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import reconnected
from . import database_of
from .answers import Scope
from .private_connection import session_of
from .session import Session, SessionMismatch, errors_as_mismatch


class CallersSession:
    """The session that a walk began in, remembered for the case that its connection is lost."""

    def __init__(self, connection: BaseDatabaseWrapper, statement: Statement) -> None:
        """Read the session: one query on PostgreSQL.

        On MySQL and MariaDB 3 queries, and one for each table of `statement`.
        """
        self._connection = connection
        self._statement = statement
        self._mismatch: str | None = None
        self._session: Session | None = None
        try:
            self._session = session_of(connection, statement)
            with errors_as_mismatch("the session could not be read"):
                self._session.remember()
        except SessionMismatch as reason:
            self._mismatch = str(reason)  # its traceback would refer back to this

    @property
    def scope(self) -> Scope | None:
        """The scope of the session, where it was read along with it."""
        return None if self._session is None else self._session.scope

    def assure(self) -> None:
        """Raise SessionMismatch where it is known already that no other session could stand in."""
        if self._mismatch is not None:
            raise SessionMismatch(self._mismatch)

    def reconnect(self) -> None:
        """Connect again. The connection stays as it is, lost, where that fails or is refused.

        Raise SessionMismatch where the new session might show other rows than the old one.
        """
        with reconnected(self._connection):
            session_of(self._connection, self._statement)
            if self._session is not None:
                self._session.check_replacement()


def close_if_busy(connection: BaseDatabaseWrapper) -> None:
    """Close a connection that an interrupt has left in the middle of a command.

    It would refuse every other; Django opens a new one, or inside atomic() asks for its end.
    """
    driver_connection = connection.connection
    if driver_connection is None or not database_of(connection).is_busy(driver_connection):
        return
    with suppress(Error):
        connection.close()
