"""What a walk has given its caller last, and how far the caller has got in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..django_internals.compiler import Block
from ..keyset.ranges import Position


class Given(NamedTuple):
    """The items that the caller was given last."""

    before: Position | None
    """The position of the last row given before that."""
    items: Iterator[Any]
    """A list's iterator: how many are left in it tells the position, at no cost per row."""
    length: int
    block: Block = []
    """The raw row of each of the items, in case some of them are left."""
    last: Any = None
    """The raw row after which the next items come, if there is any."""

    @property
    def left(self) -> int:
        """How many items the caller has not taken."""
        left: int = self.items.__length_hint__()  # type: ignore[attr-defined]
        return left

    @property
    def is_untouched(self) -> bool:
        """Whether there are items, and the caller has taken none."""
        return 0 < self.left == self.length

    @property
    def last_raw_row(self) -> Any:
        """The raw row of the item that the caller took last."""
        left = self.left
        return self.block[self.length - left - 1] if left else self.last

    def drop(self) -> None:
        """Leave nothing to be taken."""
        for _ in self.items:
            pass
