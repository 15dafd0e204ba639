"""One pass over rows that are written: as bytes, a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..django_internals.compiler import Block
from .block_builder import Built
from .foreign_positions import Place
from .last_row_taken import Given
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
        self._last_rows: Block = []
        self._read: Any = Place(plan.after)
        self._has_tail = True

    def advance(self) -> Iterator[Any] | None:
        """Return the next parts; None at the end. Raise as a walk does."""
        head, self._head = self._head, b""
        if head and self.is_going:
            return iter([head])
        items = super().advance()
        if items is None and self.is_complete and self._has_tail:
            self._has_tail = False
            return self._tail()
        return items

    def _tail(self) -> Iterator[Any] | None:
        """Return what comes after the rows, with those that have waited for more."""
        tail = self._writer.tail()
        if not tail:
            return None
        self._given = Given(Place(self.position), iter([tail]), 1, [self._read], self._read)
        return self._given.items

    def _next_given(self) -> tuple[Given, bool]:
        """Write the next rows. A part stands where its last row does: those that wait for more
        have not been handed out."""
        given, is_end = super()._next_given()
        if is_end or self.is_written:
            return given, is_end
        self._read = Place(self.position_of(given.last))
        rows, self._last_rows = self._last_rows, []
        return given._replace(block=rows, last=rows[-1] if rows else given.before), False

    def parts(self, built: Built) -> list[bytes]:
        """Write rows, and remember the last one of each part."""
        if self.is_written:
            taken = (self._writer.take(part) for (part,) in built.rows)
            return [part for part in taken if part]
        parts, ends = write_parts(built.rows, self._writer.write)
        self._last_rows = [built.block[end - 1] for end in ends]
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
