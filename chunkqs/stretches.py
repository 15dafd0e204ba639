"""The rows with a NULL in the first column of an order, apart from those without.

An index has its NULLs on one side. An order that wants them on the other gets no help from it,
but the rows with a NULL have an order by the other columns, and those without one by all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from .key_columns import KeyColumn
from .predicates import Comparison, KeyRange, Position


class Stretch(NamedTuple):
    """Rows that lie together in an order, and the part of them that is asked for."""

    columns: tuple[KeyColumn, ...]
    """The order within."""
    start: Position | None
    end: Position | None
    conditions: tuple[KeyRange, ...] = ()


def stretches(
    columns: tuple[KeyColumn, ...],
    start: Position | None,
    end: Position | None,
    connection: BaseDatabaseWrapper,
) -> Iterator[Stretch]:
    """Yield what lies behind `start` and not behind `end` in two stretches, the nearer first."""
    first, *rest = columns
    nulls_first = first.has_nulls_first(connection)
    for nulls in (nulls_first, not nulls_first):
        is_nearer = nulls == nulls_first
        starts_here = start is not None and (start[0] is None) == nulls
        ends_here = end is not None and (end[0] is None) == nulls
        if start is not None and not starts_here and is_nearer:
            continue
        if end is not None and not ends_here and not is_nearer:
            continue
        kept = slice(1, None) if nulls else slice(None)
        yield Stretch(
            columns=tuple(rest) if nulls else (replace(first, nullable=False), *rest),
            start=start[kept] if start is not None and starts_here else None,
            end=end[kept] if end is not None and ends_here else None,
            conditions=(_having(first, "IS NULL" if nulls else "IS NOT NULL"),),
        )


def _having(column: KeyColumn, operator: str) -> KeyRange:
    return KeyRange([column], (None,), [(Comparison((0,), operator),)])
