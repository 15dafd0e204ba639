"""What the rows of a block show: that each has a place of its own, after the ones before.

What a model declares decides how fast a walk is. That no row is lost is seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from operator import eq, itemgetter
from typing import Any

from ..django_internals.compiler import Block
from .keyset import Keyset
from .ranges import Position
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
    are_distinct = False
    for column, place in zip(keyset.columns, places, strict=True):
        values = _distinct(block, itemgetter(place))
        if not column.nullable and None in values:
            raise unexpected_null(keyset, column)
        are_distinct = isinstance(values, set) and len(values) == len(block)
    # The last column nearly always tells all rows apart by itself.
    if not are_distinct:
        positions = list(map(position, block))
        if any(map(eq, positions, islice(positions, 1, None))):
            raise repeated(keyset)
    if start is not None and position(block[0]) == start:
        raise repeated(keyset)


def _distinct(block: Block, value: Callable[[Any], Any]) -> Collection[Any]:
    """Return each value of a block once, which shows a NULL or a repeat at the least cost per row.

    Return a list of all values where they have no hash, as arrays have none.
    """
    try:
        return set(map(value, block))
    except TypeError:
        return list(map(value, block))
