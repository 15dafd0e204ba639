"""What a database session is, beyond its settings: what decides which rows a query shows.

Each database has a class that reads this, carries it over to a private connection and compares
it with what a new connection in the place of a lost one has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import lend_driver_connection
from .answers import Explanation, Scope


class Refusal(Exception):
    """Why there is no private connection."""

    def __init__(self, reason: str, detail: str = "", *, remedy: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        """Without the names in it: the same for all streams that are refused for it."""
        self.remedy = remedy
        """What to do about it, beside the advice that fits every reason."""


class SessionMismatch(Refusal):
    """Why another session might show other rows than the caller's."""


class NoRoom(Refusal):
    """Why no further connection can be had at the moment."""


class Session(ABC):
    """The caller's session, as far as the rows of one statement depend on it."""

    def __init__(self, connection: BaseDatabaseWrapper, statement: Statement) -> None:
        self.connection = connection
        self.statement = statement
        self.scope: Scope | None = None
        """What decides which rows a query shows, where `remember()` has read it."""

    @abstractmethod
    def survey(self, explanation: Explanation | None) -> None:
        """Read the caller's session, to make a private one like it.

        Raise SessionMismatch where no other session could stand in for it.
        """

    @abstractmethod
    def transfer(self, driver_connection: Any) -> None:
        """Begin the private transaction, carry the surveyed session over and compare the two.

        Raise SessionMismatch where the private session might show other rows.
        """

    @abstractmethod
    def server_side_cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make the cursor that the rows come from, on the private connection."""

    @abstractmethod
    def closing_steps(
        self, driver_connection: Any, cursors: Iterable[CursorWrapper]
    ) -> list[Callable[[], None]]:
        """Return what ends cursors and transaction, to be called in this order.

        Each is called, whether or not an earlier one fails.
        """

    @abstractmethod
    def remember(self) -> None:
        """Read the caller's session, to recognize its like after the connection was lost.

        Raise SessionMismatch where no new session could replace it.
        """

    @abstractmethod
    def check_replacement(self) -> None:
        """Compare the session of the caller's new connection with the remembered one.

        Raise SessionMismatch where the new session might show other rows.
        """

    @abstractmethod
    def describe(self, explanation: Explanation | None) -> Any:
        """Read the caller's session, in a form that pickles, for other processes to compare with.

        Raise SessionMismatch where no other session could stand in for it.
        """

    @abstractmethod
    def compare_with(self, described: Any) -> None:
        """Compare this session with one that another connection has described.

        Raise SessionMismatch where this one might show other rows.
        """

    def cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make an ordinary cursor on the private connection, which the caller's watchers see."""
        with lend_driver_connection(self.connection, driver_connection) as lent:
            cursor: CursorWrapper = lent.cursor()
        return cursor


def compare(callers: Mapping[str, object], others: Mapping[str, object]) -> None:
    """Raise SessionMismatch where two sessions differ in one of the named facts."""
    for name in sorted(callers.keys() | others.keys()):
        expected, actual = callers.get(name), others.get(name)
        if expected != actual:
            raise SessionMismatch(f"its {name}", f"is {actual!r} instead of {expected!r}")


@contextmanager
def errors_as_mismatch(what: str) -> Iterator[None]:
    """Raise SessionMismatch for an error of the database: `what` failed, so we don't know."""
    try:
        yield
    except Error as error:
        raise SessionMismatch(what, f"({str(error).strip()})") from error
