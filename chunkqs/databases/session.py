"""What a database session is, beyond its settings: what decides which rows a query shows.

One class a database says how to read that, carry it over and compare it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import lend_driver_connection


class NotAssured(Exception):
    """Why a private connection might show other rows than the caller's, or cannot be had."""


class Session(ABC):
    """The caller's session, and how to make another one see what it sees."""

    def __init__(self, connection: BaseDatabaseWrapper, statement: Statement) -> None:
        self.connection = connection
        self.statement = statement

    @abstractmethod
    def survey(self, plan: str | None) -> None:
        """Read the caller's session. Raise NotAssured where no other could stand in for it."""

    @abstractmethod
    def transfer(self, driver_connection: Any) -> None:
        """Begin the private transaction, carry the session over and check what it sees."""

    @abstractmethod
    def server_side_cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make the cursor that the rows come from."""

    @abstractmethod
    def ending(
        self, driver_connection: Any, cursors: Iterable[CursorWrapper]
    ) -> list[Callable[[], None]]:
        """Return what ends cursors and transaction, in this order, whatever of it fails."""

    def cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make an ordinary cursor on the private connection, which the caller's watchers see."""
        with lend_driver_connection(self.connection, driver_connection) as lent:
            cursor: CursorWrapper = lent.cursor()
        return cursor
