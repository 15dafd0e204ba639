"""One pass over rows that are written: as bytes, a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..django_internals.compiler import Block
from ..keyset.predicates import Position
from .plan import Plan
from .walk import Walk

#: Bytes of a part, about. Parts are whole rows.
PART_BYTES = 64 * 1024
#: Rows that are written first, to see how long they are.
FIRST_ROWS = 64


class Format(Protocol):
    """How rows are written."""

    def head(self) -> bytes:
        """Return what comes before the rows."""

    def write(self, rows: list[Any]) -> bytes:
        """Write whole rows."""


class ExportWalk(Walk):
    """A walk whose items are the parts of an export.

    The head comes first, before any query.
    """

    def __init__(self, plan: Plan, form: Format) -> None:
        super().__init__(plan, _parts)
        self._form = form
        self._head = form.head()
        self._ends: list[int] = []

    def advance(self) -> Iterator[Any] | None:
        """Return the next parts; None at the end. Raise as a walk does."""
        head, self._head = self._head, b""
        return iter([head]) if head and self.is_going else super().advance()

    @property
    def position(self) -> Position | None:
        """The position of the last row of the part that was handed out last."""
        given = self._given
        left: int = given.items.__length_hint__()  # type: ignore[attr-defined]
        if self._positioner is None or left == given.length:
            return given.before
        return self._positioner(given.block[self._ends[-left - 1] - 1])

    def write(self, rows: list[Any]) -> list[bytes]:
        """Write rows, and remember where each part ends."""
        parts, self._ends = write_parts(rows, self._form.write)
        return parts


def _parts(walk: Any, rows: list[Any], block: Block) -> list[bytes]:
    return [part for (part,) in rows] if walk.is_written else walk.write(rows)


def write_parts(
    rows: list[Any], write: Callable[[list[Any]], bytes]
) -> tuple[list[bytes], list[int]]:
    """Write rows in parts of about 64 KiB, whatever the length of a row is.

    Return the parts, and how many rows have been written with the end of each.
    """
    parts: list[bytes] = []
    ends = [0]
    number = FIRST_ROWS
    while ends[-1] < len(rows):
        parts.append(write(rows[ends[-1] : ends[-1] + number]))
        ends.append(min(ends[-1] + number, len(rows)))
        number = max(1, min(4 * number, number * PART_BYTES // max(len(parts[-1]), 1)))
    return parts, ends[1:]
