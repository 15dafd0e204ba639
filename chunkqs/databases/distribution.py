"""What a planner knows of a column's values, in the form that partitions are made of."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """A part of a column's values: one that is common, NULL, or those between two."""

    low: str | None
    """The database's own text of the value; None for NULL."""
    high: str | None
    """The same as `low` where the part is of one value."""
    mass: float
    """Which part of all rows it is."""

    @property
    def is_one(self) -> bool:
        return self.low == self.high


class Distribution(NamedTuple):
    """A column's values, in ascending order, as far as the planner knows them."""

    type: str
    rows: float
    """Rows of the table when it was last analyzed."""
    nulls: float
    """Which part of all rows has NULL."""
    steps: list[Step]
