"""How much of a text MySQL and MariaDB sort by.

They sort by the first `max_sort_length` bytes of a value, 1024 unless that is changed, but
compare all of it. Rows that differ further on come in any order, and what is after one of
them by comparison is not what came after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.utils import CursorWrapper

from ...errors import KeysetError
from ..answers import Scope

#: The least that `max_sort_length` may be, on MySQL and on MariaDB, and the most.
LEAST_BYTES, LEAST_BYTES_OF_MARIADB = 4, 64
MOST_BYTES = 8 * 1024 * 1024
#: Bytes that a character takes among sort keys: up to four weights of two bytes.
CHARACTER_BYTES = 8

#: What the sessions of connections sort by, which hardly anybody changes: a page is one query. A
#: walk of several chunks asks again.
KNOWN: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def sort_bytes(values: Iterable[Any], label: str) -> int:
    """Return how many bytes of each value rows must be sorted by to be in their places."""
    needed = max(map(_sort_bytes, values), default=0)
    if needed >= MOST_BYTES:
        raise KeysetError(
            f"A value of the order takes more than the {MOST_BYTES} bytes that {label} can sort "
            "by. Use another order, or stream()."
        )
    return needed


def sessions_sort_length(cursor: CursorWrapper) -> int:
    """Return how many bytes of each value the session of a cursor sorts by."""
    session = cursor.db.connection
    if session not in KNOWN:
        cursor.execute("SELECT @@max_sort_length")
        KNOWN[session] = int(cursor.fetchone()[0])
    return KNOWN[session]


def read_sorting(cursor: CursorWrapper, has_texts: bool, has_timestamps: bool) -> Scope:
    """Return what an order depends on: that texts are sorted by as many bytes as now, or by more;
    and the time zone, which a TIMESTAMP is read in."""
    cursor.execute("SELECT @@max_sort_length, @@time_zone")
    length, zone = cursor.fetchone()
    KNOWN[cursor.db.connection] = int(length)
    settings = {f"@@max_sort_length >= {length}": "1"} if has_texts else {}
    if has_timestamps:
        settings["@@time_zone"] = zone
    return Scope(f"concat_ws(' ', {', '.join(settings)})", " ".join(settings.values()))


def _sort_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) * CHARACTER_BYTES
    return len(value) if isinstance(value, bytes) else 0
