"""The rows with a NULL in the first column of an order, apart from those without.

An index has its NULLs on one side, and a comparison finds none of them. The rows with a NULL
have an order by the other columns, and those without one by all: two stretches, read one
after the other, each as an index has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from .columns import KeyColumn
from .predicates import Comparison, KeyRange, Position


class Stretch(NamedTuple):
    """Rows that lie together in an order, and the part of them that is asked for."""

    columns: Sequence[KeyColumn]
    """The order within, of which the first column has no NULLs."""
    start: Position | None
    end: Position | None
    conditions: tuple[KeyRange, ...] = ()


def stretches(whole: Stretch, connection: BaseDatabaseWrapper) -> Iterator[Stretch]:
    """Divide the part of an order that is asked for into stretches, the nearest first."""
    first, *rest = whole.columns
    if not first.nullable:
        yield whole
        return
    nulls_first = first.has_nulls_first(connection)
    for nulls in (nulls_first, not nulls_first):
        if _is_needed(whole, nulls, nearer=nulls == nulls_first):
            columns = rest if nulls else [replace(first, nullable=False), *rest]
            having = KeyRange([first], (None,), [(Comparison((0,), IS[nulls]),)])
            yield from stretches(
                Stretch(
                    columns,
                    _within(whole.start, nulls),
                    _within(whole.end, nulls),
                    (*whole.conditions, having),
                ),
                connection,
            )


IS = {True: "IS NULL", False: "IS NOT NULL"}


def _is_needed(whole: Stretch, nulls: bool, *, nearer: bool) -> bool:
    """Tell whether any of a stretch lies behind the start and not behind the end."""
    bound = whole.start if nearer else whole.end
    return bound is None or (bound[0] is None) == nulls


def _within(position: Position | None, nulls: bool) -> Position | None:
    """Return where a position lies in a stretch; None if it lies in the other one."""
    if position is None or (position[0] is None) != nulls:
        return None
    return position[1:] if nulls else position
