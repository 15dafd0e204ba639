"""How many rows lie where: the planner's estimates for small parts of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

#: Ranges to begin with for each partition, and at the least and the most.
FINENESS = 4
FEWEST, MOST = 16, 128
#: A range that is too heavy is divided by this, as often as this, until there are so many.
DIVISION = 4
ROUNDS = 3
MOST_DIVIDED = 256


class Weight(NamedTuple):
    """So many rows between two shares of the table."""

    start: float
    end: float
    rows: float


#: Estimates the rows from the beginning of the table to a share of it.
Estimate = Callable[[float], float]


def weights(estimate: Estimate, parts: int, edges: Iterable[float]) -> list[Weight]:
    """Weigh the whole table, in ranges small enough to make so many parts even."""
    number = min(max(FINENESS * parts, FEWEST), MOST)
    shares = {*(n / number for n in range(number + 1)), *edges}
    known = {share: estimate(share) for share in shares}
    found = _weights(known)
    for _ in range(ROUNDS):
        most = sum(weight.rows for weight in found) / (2 * parts)
        between = [share for one in found if one.rows > most for share in _divided(one)]
        if not between or len(known) + len(between) > MOST_DIVIDED + DIVISION * parts:
            break
        known |= {share: estimate(share) for share in between}
        found = _weights(known)
    return found


def _weights(known: dict[float, float]) -> list[Weight]:
    """Take the differences. An estimate below an earlier one is of rows that contradict a filter,
    of which the planner expects a few by default."""
    found: list[Weight] = []
    shares = sorted(known)
    most = known[shares[0]]
    for start, end in pairwise(shares):
        found.append(Weight(start, end, max(0.0, known[end] - most)))
        most = max(most, known[end])
    return found


def _divided(weight: Weight) -> Iterator[float]:
    width = (weight.end - weight.start) / DIVISION
    return (weight.start + number * width for number in range(1, DIVISION))


def cuts(found: Sequence[Weight], parts: int) -> Iterator[float]:
    """Yield the shares that divide the rows into so many parts of equal weight."""
    each = sum(weight.rows for weight in found) / parts
    before, number = 0.0, 1
    for start, end, rows in found:
        while number < parts and rows and before + rows >= number * each:
            yield start + (end - start) * (number * each - before) / rows
            number += 1
        before += rows


def rows_between(found: Sequence[Weight], start: float, end: float) -> float:
    """Return how many rows lie between two shares."""
    return sum(
        one.rows * max(0.0, min(end, one.end) - max(start, one.start)) / (one.end - one.start)
        for one in found
    )
