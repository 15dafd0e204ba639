"""What a walk has given its caller last, and how far the caller has got in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..django_internals.compiler import Block


class Given(NamedTuple):
    """The items that the caller was given last, and the raw row (or its Place) of each."""

    before: Any
    """The raw row of the last item given before these."""
    items: Iterator[Any]
    """A list's iterator: how many are left in it tells the position, at no cost per row."""
    length: int
    block: Block
    """The raw row of each of the items, in case some of them are left."""
    last: Any
    """The raw row after which the next items come."""

    @property
    def left(self) -> int:
        """How many items the caller has not taken."""
        left: int = self.items.__length_hint__()  # type: ignore[attr-defined]
        return left

    @property
    def raw_row(self) -> Any:
        """The raw row of the item that the caller took last."""
        left = self.left
        if not left:
            return self.last
        taken = self.length - left
        return self.block[taken - 1] if taken else self.before

    def drop(self) -> None:
        """Leave nothing to be taken."""
        for _ in self.items:
            pass


def nothing_after(raw_row: Any) -> Given:
    """Return no items, which come after a raw row."""
    return Given(raw_row, iter(()), 0, [], raw_row)
