"""A compiled statement that waits for positions and for the number of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from ..django_internals.compiler import Statement
from .ranges_after_position import Position

#: A number of rows to compile a statement with; no table has as many.
MANY_ROWS = 8_888_888_888_888_888_887
#: Stands for the number of rows in a compiled statement. No SQL has such a character.
LIMIT = "\0"

#: A statement that waits for the number of rows.
Open = Callable[[int], Statement]


class Slot(NamedTuple):
    """Stands for a value of a position among the parameters of a compiled statement."""

    end: bool
    """Whether the position is the one to stop at, not the one to start after."""
    column: int

    def value(self, start: Position | None, end: Position | None) -> Any:
        """Return what the slot is filled with."""
        return ((end if self.end else start) or ())[self.column]


@dataclass(frozen=True)
class Template:
    """A compiled statement with slots for positions and for the number of rows."""

    parts: list[str]
    """The SQL, split where the number of rows goes."""
    params: tuple[Any, ...]
    slots: list[tuple[int, Slot]]

    @classmethod
    def of(cls, statement: Statement) -> Template:
        slots = [(i, param) for i, param in enumerate(statement.params) if type(param) is Slot]
        return cls(statement.sql.split(LIMIT), statement.params, slots)

    def fill(
        self, start: Position | None, end: Position | None, limit: int, offset: int = 0
    ) -> Statement:
        params = list(self.params)
        for index, slot in self.slots:
            params[index] = slot.value(start, end)
        # Each range that is read by itself may have the rows to leave out, and those after them.
        sql = "".join(f"{part}{limit + offset}" for part in self.parts[:-2])
        limited = f"{limit} OFFSET {offset}" if offset else f"{limit}"
        return Statement(f"{sql}{self.parts[-2]}{limited}{self.parts[-1]}", tuple(params))


def number_unlike(sql: str) -> int:
    """Return a number of rows whose digits are nowhere in `sql`, a name or a constant say."""
    return next(number for number in count(MANY_ROWS, -1) if str(number) not in sql)


def slots(position: Position | None, places: Sequence[int], end: bool) -> Position | None:
    """Return the slots of the columns at `places`, and the NULLs of `position` among them."""
    if position is None:
        return None
    return tuple(None if position[place] is None else Slot(end, place) for place in places)


def filled(slots: Position | None, start: Position | None, end: Position | None) -> Position | None:
    """Return a position of slots with its values in place of them."""
    if slots is None:
        return None
    return tuple(None if slot is None else slot.value(start, end) for slot in slots)


def nulls(position: Position | None) -> tuple[bool, ...] | None:
    """Return which columns of a position are NULL."""
    return None if position is None else tuple(value is None for value in position)
