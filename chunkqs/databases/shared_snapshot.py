"""A snapshot of the database that other connections read, too: one exports it, others join."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import lend_driver_connection
from . import database_of
from .private_connection import PrivateConnection, open_private


class ExportedSnapshot:
    """A snapshot that lasts as long as the private connection whose transaction it is of."""

    def __init__(self, connection: BaseDatabaseWrapper, private: PrivateConnection) -> None:
        self._connection = connection
        self._private = private
        with self.lent():
            self.name = database_of(connection).export_snapshot()
            """What other connections know it by."""

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let the queries of the caller's connection see the snapshot while the block runs."""
        with lend_driver_connection(self._connection, self._private.driver_connection):
            yield


@contextmanager
def exported_snapshot(
    connection: BaseDatabaseWrapper, statement: Statement | None
) -> Iterator[ExportedSnapshot | None]:
    """Hold a snapshot for others to read while the block runs.

    None where the database has none to share, or `statement` is known to have no rows.
    """
    database = database_of(connection)
    if statement is None or not database.shares_snapshots:
        yield None
        return
    private = open_private(connection, statement, database.explain(statement))
    try:
        yield ExportedSnapshot(connection, private)
    finally:
        private.close()


def joined_snapshot(
    connection: BaseDatabaseWrapper, name: str | None
) -> AbstractContextManager[None]:
    """Let `connection` see the snapshot that another one exported while the block runs; what it
    sees anyway, if there is none."""
    return database_of(connection).joined_snapshot(name) if name else nullcontext()
