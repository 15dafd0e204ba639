"""One pass over rows that are written: as bytes, a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..django_internals.compiler import Block
from ..keyset.ranges_after_position import Position
from .block_builder import Built
from .plan import Plan
from .walk import Walk

#: Bytes of a part, about. Parts are whole rows.
PART_BYTES = 64 * 1024
#: Rows that are written first, to see how long they are.
FIRST_ROWS = 64


class Writer(Protocol):
    """Writes the rows of one walk."""

    def head(self) -> bytes:
        """Return what comes before the rows."""

    def write(self, rows: list[Any]) -> bytes:
        """Write whole rows; b"" where they wait for more."""

    def take(self, part: bytes) -> bytes:
        """Return what becomes of whole rows that the server has written."""

    def tail(self) -> bytes:
        """Return what comes after the rows."""


class ExportWalk(Walk):
    """A walk whose items are the parts of an export.

    The head comes first, before any query.
    """

    def __init__(self, plan: Plan, writer: Writer) -> None:
        super().__init__(plan, _parts)
        self._writer = writer
        self._head = writer.head()
        self._ends: list[int] = []
        self._raw_rows: Block = []
        self._has_tail = True

    def advance(self) -> Iterator[Any] | None:
        """Return the next parts; None at the end. Raise as a walk does."""
        head, self._head = self._head, b""
        if head and self.is_going:
            return iter([head])
        items = super().advance()
        if items is None and self.is_complete and self._has_tail:
            self._has_tail = False
            return iter([tail]) if (tail := self._writer.tail()) else None
        return items

    @property
    def position(self) -> Position | None:
        """The position of the last row of the part that was handed out last."""
        given = self._given
        if self._positioner is None or given.left == given.length:
            return self.position_of(given.before)
        return self.position_of(self._raw_rows[self._ends[-given.left - 1] - 1])

    def parts(self, built: Built) -> list[bytes]:
        """Write rows, and remember where each part ends."""
        if self.is_written:
            taken = (self._writer.take(part) for (part,) in built.rows)
            return [part for part in taken if part]
        self._raw_rows = built.block
        parts, self._ends = write_parts(built.rows, self._writer.write)
        return parts


def _parts(walk: Any, built: Built) -> list[bytes]:
    parts: list[bytes] = walk.parts(built)
    return parts


def write_parts(
    rows: list[Any], write: Callable[[list[Any]], bytes]
) -> tuple[list[bytes], list[int]]:
    """Write rows in parts of about 64 KiB, whatever the length of a row is.

    Return the parts, and how many rows have been written with the end of each.
    """
    parts: list[bytes] = []
    ends: list[int] = []
    end, number = 0, FIRST_ROWS
    while end < len(rows):
        part = write(rows[end : end + number])
        end = min(end + number, len(rows))
        if part:
            parts.append(part)
            ends.append(end)
        number = max(1, min(4 * number, number * PART_BYTES // max(len(part), 1)))
    return parts, ends
