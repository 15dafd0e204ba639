"""Statements whose results were small, so that the planner need not be asked about them again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.compiler import Block, Statement

#: How many statements are remembered per process; the one not seen for longest goes first.
MOST_STATEMENTS = 300

_rows: OrderedDict[tuple[str, str], int] = OrderedDict()
_lock = Lock()


def recall(connection: BaseDatabaseWrapper, statement: Statement) -> int | None:
    """Return how many rows `statement` had the last time, whatever its parameters.

    None where it never ran, or was larger than a chunk the last time.
    """
    key = _key(connection, statement)
    with _lock:
        if key in _rows:
            _rows.move_to_end(key)
        return _rows.get(key)


def remember(connection: BaseDatabaseWrapper, statement: Statement, block: Block | None) -> None:
    """Remember `statement` as one of so many rows; forget it where it was larger (None)."""
    key = _key(connection, statement)
    with _lock:
        if block is None:
            _rows.pop(key, None)
            return
        _rows[key] = len(block)
        _rows.move_to_end(key)
        if len(_rows) > MOST_STATEMENTS:
            _rows.popitem(last=False)


def _key(connection: BaseDatabaseWrapper, statement: Statement) -> tuple[str, str]:
    return connection.alias, statement.sql
