"""How much of a text MySQL and MariaDB sort by.

They sort by the first `max_sort_length` bytes of a value, 1024 unless that is changed, but
compare all of it. Rows that differ further behind come in any order, and what is behind one
of them by comparison is not what came behind it.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from ...django_internals.compiler import Statement
from ...errors import KeysetError

DEFAULT_BYTES = 1024
MOST_BYTES = 8 * 1024 * 1024
#: Bytes that a character takes among sort keys: up to four weights of two bytes.
CHARACTER_BYTES = 8


class SortLength:
    """The bytes that a walk has its statements sorted by: more where a position needs more."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._bytes = DEFAULT_BYTES
        self._applies = connection.vendor == "mysql"

    def suffices(self, position: tuple[Any, ...]) -> bool:
        """Tell whether a row at `position` was in its place; if not, raise the length."""
        needed = max(map(_sort_bytes, position)) if self._applies else 0
        if needed < self._bytes:
            return True
        if needed >= MOST_BYTES:
            raise KeysetError(
                f"A value of the order takes more than the {MOST_BYTES} bytes that "
                f"{self._connection.display_name} can sort by. Use another order, or stream()."
            )
        self._bytes = min(4 * needed, MOST_BYTES)
        return False

    def applied(self, statement: Statement) -> Statement:
        """Return `statement` as one that sorts by so many bytes."""
        if self._bytes == DEFAULT_BYTES:
            return statement
        setting = f"max_sort_length={self._bytes}"
        if self._connection.mysql_is_mariadb:  # type: ignore[attr-defined]
            return Statement(f"SET STATEMENT {setting} FOR {statement.sql}", statement.params)
        hinted = statement.sql.replace("SELECT", f"SELECT /*+ SET_VAR({setting}) */", 1)
        return Statement(hinted, statement.params)


def _sort_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) * CHARACTER_BYTES
    return len(value) if isinstance(value, bytes) else 0
