"""Where a share of a table's rows ends, by what the planner knows of the key columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..databases.base import Database
from ..databases.distribution import Distribution, Step
from ..keyset.columns import KeyColumn


class Place(NamedTuple):
    """Where in the values of one key column a share of the rows ends."""

    column: KeyColumn
    type: str
    step: Step
    portion: float
    """Which part of the step's rows lie before, in the order of the keyset."""

    @property
    def share(self) -> float:
        """How far from the low end of the step to its high one."""
        return 1 - self.portion if self.column.descending else self.portion


class Quantiles:
    """Finds the place of any share of the rows. Columns count as independent of each other."""

    def __init__(
        self,
        columns: Sequence[KeyColumn],
        known: Sequence[Distribution],
        database: Database,
    ) -> None:
        self._columns = list(zip(columns, known, strict=False))
        self._steps = [
            list(_in_order(column, distribution, database))
            for column, distribution in self._columns
        ]

        column, first = self._columns[0]
        self.nulls_first = column.has_nulls_first(database)
        """Whether NULLs come before the values of the first column."""
        self.has_nulls = first.nulls > 0
        values = [step for step in self._steps[0] if step.low is not None]
        self.first_value = Place(column, first.type, values[0], 0.0)
        self.last_value = Place(column, first.type, values[-1], 1.0)

    def places(self, share: float, depth: int = 0) -> list[Place]:
        """Return the place in the first column, and in each further one within one value."""
        column, distribution = self._columns[depth]
        step, portion = _step_at(self._steps[depth], share)
        place = Place(column, distribution.type, step, portion)
        if step.is_one and depth + 1 < len(self._columns):
            return [place, *self.places(portion, depth + 1)]
        return [place]

    def edges(self, least: float) -> Iterator[float]:
        """Yield the shares where a value of the first column begins and ends that has many rows."""
        steps = self._steps[0]
        total = sum(step.mass for step in steps)
        before = 0.0
        for step in steps:
            after = before + step.mass / total
            if step.is_one and (after - before >= least or step.low is None):
                yield from (before, after)
            before = after


def _in_order(column: KeyColumn, distribution: Distribution, database: Database) -> Iterator[Step]:
    steps = distribution.steps
    nulls = [Step(None, None, distribution.nulls)] if distribution.nulls else []
    nulls_first = column.has_nulls_first(database)
    yield from nulls if nulls_first else []
    yield from reversed(steps) if column.descending else steps
    yield from [] if nulls_first else nulls


def _step_at(steps: Sequence[Step], share: float) -> tuple[Step, float]:
    left = share * sum(step.mass for step in steps)
    for step in steps[:-1]:
        if left < step.mass:
            break
        left -= step.mass
    else:
        step = steps[-1]
    return step, min(1.0, left / step.mass) if step.mass else 0.0
