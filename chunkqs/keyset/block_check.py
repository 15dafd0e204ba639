"""What the rows of a block show: that each has a place of its own, after the ones before.

What a model declares decides how fast a walk is. That no row is lost is seen here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import islice
from operator import eq, ge, gt, itemgetter, le, lt
from typing import Any

from ..django_internals.compiler import Block
from .keyset import Keyset
from .ranges import Position
from .walk_errors import repeated, unexpected_null

Compare = Callable[[Any, Any], bool]

#: Types whose values compare quickly, and only with those of their own type.
COMPARED = (int, str, datetime, date)


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
        values = list(map(itemgetter(place), block))
        # The last column nearly always tells all rows apart by itself.
        are_distinct = _ascends(values, lt, gt)
        if not (are_distinct or column.nullable or _ascends(values, le, ge)) and None in values:
            raise unexpected_null(keyset, column)
    if not are_distinct:
        positions = list(map(position, block))
        if any(map(eq, positions, islice(positions, 1, None))):
            raise repeated(keyset)
    if start is not None and position(block[0]) == start:
        raise repeated(keyset)


def _ascends(values: list[Any], rises: Compare, falls: Compare) -> bool:
    """Return whether Python sees values go one way, which shows most cheaply that no value is
    None, nor the same as the next where that is no way to go.

    Text may go by another collation, and a column after the first one back and forth.
    """
    first, last = values[0], values[-1]
    if type(first) not in COMPARED or type(last) is not type(first):
        return False
    compare = rises if rises(first, last) else falls
    try:
        return all(map(compare, values, islice(values, 1, None)))
    except TypeError:  # None among them
        return False
