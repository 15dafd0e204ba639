"""Timestamps with time zone, read by psycopg 3 several times as fast as Django has them read.

Django 5.2 and 6.0 have psycopg take the text of each value apart by a regular expression, in
Python; each version then makes the datetime anew, with another zone. datetime.fromisoformat()
does all of that in C. What it refuses, such as years before 1, goes to Django's loader, which
raises what it raises.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from ...django_internals.connections import is_djangos_loader

Cursor = TypeVar("Cursor")


def read_fast(cursor: Cursor) -> Cursor:
    """Let `cursor`, not executed yet, read timestamps fast where Django's loader would.

    It is a cursor of Django's, or the driver's in it.
    """
    psycopg = sys.modules.get("psycopg")
    driver_cursor = getattr(cursor, "cursor", cursor)
    if psycopg is not None and isinstance(driver_cursor, psycopg.Cursor):
        adapters = driver_cursor.adapters
        oid = adapters.types["timestamptz"].oid
        fast = faster(adapters.get_loader(oid, psycopg.pq.Format.TEXT))
        if fast is not None:
            adapters.register_loader(oid, fast)
    return cursor


@lru_cache
def faster(loader: Any) -> Any:
    """Return a loader with the results of `loader`; None if that isn't just Django's."""
    if not is_djangos_loader(loader):
        return None
    load = loader.load
    timezone, parse = loader.timezone, datetime.fromisoformat

    class FastLoader(loader):  # type: ignore[misc]
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._zone = self.connection.info.timezone if self.connection else UTC
            # What is in UTC already needs no move.
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
