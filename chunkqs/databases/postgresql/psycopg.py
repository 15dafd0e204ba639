"""What psycopg2 and psycopg 3 do in different ways."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.db.backends.utils import CursorWrapper

from ...django_internals.connections import is_django_loader
from ..answers import CopyReader
from ..base import Cursor
from .copy_reader import Psycopg2Copy, Psycopg3Copy

INVALID_CURSOR_NAME = "34000"
#: Where connect() of psycopg 3.1 to 3.3 puts the types of the context that it is given.
ADAPTERS = "_adapters"


def assign(driver_connection: Any, attributes: dict[str, Any]) -> None:
    """Set attributes of a driver connection, one after the other."""
    for name, value in attributes.items():
        setattr(driver_connection, name, value)


class State(NamedTuple):
    """What a private connection changes on its driver connection, as it was before."""

    attributes: dict[str, Any]
    types: Sequence[tuple[dict[Any, Any], dict[Any, Any]]] = ()
    """psycopg2's registries of typecasters, each with a copy of what was in it."""


class Driver(ABC):
    """One of the drivers of PostgreSQL."""

    @abstractmethod
    def sqlstate(self, error: BaseException) -> str | None:
        """Return the SQLSTATE of an error, which Django may have wrapped."""

    def is_cursor_error(self, error: BaseException) -> bool:
        """Return whether `error` says that a server-side cursor does not exist any more."""
        return self.sqlstate(error) == INVALID_CURSOR_NAME

    @abstractmethod
    def parameter_status(self, driver_connection: Any, name: str) -> str | None:
        """Return a setting that the server reports whenever it changes. No query."""

    @abstractmethod
    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Forget a server-side cursor without CLOSE, which would abort the transaction."""

    @abstractmethod
    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Let `cursor`, not executed yet, read values as Django has them read, only faster."""

    @abstractmethod
    def copy_reader(self, cursor: Any) -> CopyReader:
        """Return what runs a COPY in the place of a cursor of the driver's."""

    def can_copy(self, cursor: CursorWrapper) -> bool:
        """Return whether a COPY can be read, and has dates as year, month and day. No query."""
        style: str | None = cursor.connection.info.parameter_status("DateStyle")
        return style is not None and style.startswith("ISO")

    @abstractmethod
    def copy_types(self, source: Any, target: Any) -> None:
        """Let the `target` connection read and write each type as the `source` does."""

    @abstractmethod
    def begin_snapshot(self, driver_connection: Any) -> None:
        """Let the next statement begin a transaction: one snapshot, read-only."""

    @abstractmethod
    def state(self, driver_connection: Any) -> State:
        """Return what the methods above change on a connection, as it is now."""

    @abstractmethod
    def closing_steps(
        self, driver_connection: Any, closes: Sequence[Callable[[], None]], state: State
    ) -> list[Callable[[], None]]:
        """Return what ends the transaction and the cursors that `closes` close.

        The connection, which a pool may hand on, is left in its earlier `state`.
        """


class Psycopg2(Driver):
    """psycopg2."""

    def sqlstate(self, error: BaseException) -> str | None:
        """Return `pgcode`."""
        return getattr(error.__cause__ or error, "pgcode", None)

    def is_cursor_error(self, error: BaseException) -> bool:
        """Return whether the server, or psycopg2 without a code, misses the cursor."""
        return super().is_cursor_error(error) or "named cursor isn't valid anymore" in str(error)

    def parameter_status(self, driver_connection: Any, name: str) -> str | None:
        """Ask libpq."""
        status: str | None = driver_connection.get_parameter_status(name)
        return status

    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Do nothing: psycopg2 sends no CLOSE when a cursor is dropped."""

    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Return `cursor`: psycopg2 reads every type in C."""
        return cursor

    def can_copy(self, cursor: CursorWrapper) -> bool:
        """Return whether psycopg2 waits by itself: it cannot copy where gevent waits for it."""
        from psycopg2.extensions import get_wait_callback

        return get_wait_callback() is None and super().can_copy(cursor)

    def copy_reader(self, cursor: Any) -> CopyReader:
        """Read in a thread."""
        return Psycopg2Copy(cursor)

    def copy_types(self, source: Any, target: Any) -> None:
        """Copy the typecasters that were registered on the connection."""
        target.string_types.update(source.string_types)
        target.binary_types.update(source.binary_types)

    def begin_snapshot(self, driver_connection: Any) -> None:
        """Set the level by its name."""
        level = "REPEATABLE READ"
        assign(driver_connection, {"autocommit": False, "isolation_level": level, "readonly": True})

    def state(self, driver_connection: Any) -> State:
        """Return attributes and typecasters."""
        names = ("isolation_level", "readonly", "autocommit")
        registries = (driver_connection.string_types, driver_connection.binary_types)
        return State(
            {name: getattr(driver_connection, name) for name in names},
            [(types, dict(types)) for types in registries],
        )

    def closing_steps(
        self, driver_connection: Any, closes: Sequence[Callable[[], None]], state: State
    ) -> list[Callable[[], None]]:
        """Close the cursors before the transaction ends: psycopg2 sends CLOSE for each."""
        return [*closes, driver_connection.rollback, partial(_restore, driver_connection, state)]


class Psycopg3(Driver):
    """psycopg 3."""

    def sqlstate(self, error: BaseException) -> str | None:
        """Return `sqlstate`."""
        return getattr(error.__cause__ or error, "sqlstate", None)

    def parameter_status(self, driver_connection: Any, name: str) -> str | None:
        """Ask libpq."""
        status: str | None = driver_connection.info.parameter_status(name)
        return status

    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Close it as a plain cursor: a dropped ServerCursor would warn that it was not closed."""
        from psycopg import Cursor as PlainCursor

        PlainCursor.close(cursor.cursor)

    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Replace Django's loader of timestamps by a faster one.

        `cursor` is Django's, or the driver's in it.
        """
        from psycopg.pq import Format

        adapters = getattr(getattr(cursor, "cursor", cursor), "adapters", None)
        if adapters is None:  # the cursor of a tracing library, in front of the driver's
            return cursor
        oid = adapters.types["timestamptz"].oid
        fast = faster(adapters.get_loader(oid, Format.TEXT))
        if fast is not None:
            adapters.register_loader(oid, fast)
        return cursor

    def copy_reader(self, cursor: Any) -> CopyReader:
        """Read by libpq, which takes many rows at a time."""
        return Psycopg3Copy(cursor)

    def copy_types(self, source: Any, target: Any) -> None:
        """Copy the loaders and dumpers that were registered on the connection."""
        from psycopg.adapt import AdaptersMap

        assign(target, {ADAPTERS: AdaptersMap(source.adapters)})

    def begin_snapshot(self, driver_connection: Any) -> None:
        """Set the level by its number, and prepare none of the FETCHes, which are all alike."""
        from psycopg import IsolationLevel

        level = IsolationLevel.REPEATABLE_READ
        assign(driver_connection, {"autocommit": False, "isolation_level": level})
        assign(driver_connection, {"read_only": True, "prepare_threshold": None})

    def state(self, driver_connection: Any) -> State:
        """Return attributes, types among them."""
        names = ("prepare_threshold", ADAPTERS, "read_only", "isolation_level", "autocommit")
        return State({name: getattr(driver_connection, name) for name in names})

    def closing_steps(
        self, driver_connection: Any, closes: Sequence[Callable[[], None]], state: State
    ) -> list[Callable[[], None]]:
        """Roll back first: psycopg 3 knows that its cursors are gone then, and sends no CLOSE."""
        return [driver_connection.rollback, *closes, partial(_restore, driver_connection, state)]


def _restore(driver_connection: Any, state: State) -> None:
    """Leave a connection as it was, or closed, so that nobody else gets it as it is."""
    try:
        assign(driver_connection, state.attributes)
        for types, before in state.types:
            types.clear()
            types.update(before)
    except BaseException:
        driver_connection.close()
        raise


PSYCOPG2, PSYCOPG3 = Psycopg2(), Psycopg3()


def driver_of(connection: Any) -> Driver:
    """Return the driver that `connection` uses."""
    return PSYCOPG3 if connection.Database.__name__ == "psycopg" else PSYCOPG2


@lru_cache
def faster(loader: Any) -> Any:
    """Return a loader with the results of `loader`, several times as fast; None if that isn't
    just Django's.

    Django 5.2 and 6.0 have psycopg parse the text of each timestamp by a regular expression, in
    Python; each version then makes the datetime a second time, in another zone.
    datetime.fromisoformat() does all of that in C. What it refuses, such as years before 1, goes
    to Django's loader, which raises its own error.
    """
    if not is_django_loader(loader):
        return None
    load = loader.load
    timezone, parse = loader.timezone, datetime.fromisoformat

    class FastLoader(loader):  # type: ignore[misc]
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._zone = self.connection.info.timezone if self.connection else UTC
            # What is in UTC already needs no conversion.
            self._in_place = UTC if str(self._zone) == "UTC" else None

        def load(self, data: Any) -> Any:
            try:
                moment = parse(str(data, "ascii"))
                if moment.tzinfo is not self._in_place:
                    moment = moment.astimezone(self._zone)
            except (ValueError, OverflowError):
                return load(self, data)
            return moment if moment.tzinfo is timezone else moment.replace(tzinfo=timezone)

    return FastLoader
