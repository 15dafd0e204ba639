"""What the rows of a block show: that each has a place of its own, after the ones before.

What a model declares decides how fast a walk is. That no row is lost is seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from operator import eq
from typing import Any

from ..django_internals.compiler import Block
from .keyset import Keyset
from .ranges_after_position import Position
from .walk_errors import repeated, unexpected_null


def check_block(
    keyset: Keyset,
    block: Block,
    places: Sequence[int],
    position: Callable[[Any], Position],
    start: Position | None,
) -> None:
    """Raise KeysetError where a row of `block` has the place of another, or none.

    `places` are those of the key columns in a raw row; the block comes after `start`.
    """
    if not block:
        return
    *others, last = zip(keyset.columns, places, strict=True)
    # The last column nearly always tells all rows apart by itself.
    is_told_apart = _is_distinct(block, places[-1])
    for column, place in others if is_told_apart else [*others, last]:
        if not column.nullable and _has_null(block, place):
            raise unexpected_null(keyset, column)
    if not is_told_apart:
        positions = list(map(position, block))
        if any(map(eq, positions, islice(positions, 1, None))):
            raise repeated(keyset)
    if start is not None and position(block[0]) == start:
        raise repeated(keyset)


# Plain loops: they cost each row of a walk less than sets, maps and generators do.
def _is_distinct(block: Block, place: int) -> bool:
    """Return whether no value in a column is NULL or that of the row before."""
    latest = None
    for row in block:
        value = row[place]
        if value is None or value == latest:
            return False
        latest = value
    return True


def _has_null(block: Block, place: int) -> bool:
    for row in block:  # noqa: SIM110
        if row[place] is None:
            return True
    return False
