"""How many rows to ask for next."""

from __future__ import annotations

import time
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Protocol

from .internals import Block

#: Bytes that one chunk may take, unless the caller says otherwise.
MAX_BYTES = 16 * 1024 * 1024
#: The first fetch: few enough that the first row is at once, even of rows of 1 MB.
FIRST_ROWS = 8
#: From one fetch to the next; 8 rows have grown to 2,000 after four fetches.
GROWTH = 4
#: Past some thousand rows a larger chunk saves no time, it only holds more memory.
MOST_ROWS = 2000
#: A row's container, instance and state, beside its values.
ROW_OVERHEAD = 300
#: Rows of a block that are weighed to estimate all of them.
SAMPLE = 50


class Sizes(Protocol):
    """Decides the size of each chunk of one run."""

    @property
    def rows(self) -> int:
        """How many rows to ask for next."""

    def saw(self, block: Block) -> None:
        """Learn from a block that came."""


class FixedSize:
    """Always the same number of rows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def saw(self, block: Block) -> None:
        """Nothing to learn: the caller has fixed the size."""


class GrowingSize:
    """A small first fetch, then growth for as long as a chunk stays under `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.rows = min(FIRST_ROWS, MOST_ROWS)

    def saw(self, block: Block) -> None:
        """Grow, but not past what `max_bytes` holds of rows like these."""
        fitting = int(self.max_bytes // row_bytes(block))
        self.rows = max(1, min(self.rows * GROWTH, MOST_ROWS, fitting))


class TimedSize(GrowingSize):
    """As many rows as one turn of the caller's loop gets through in `seconds`.

    A turn is from one chunk's arrival to the request for the next one's, so it counts
    the caller's work and the fetch. The size at most doubles and at least halves from
    turn to turn: one slow turn says little.
    """

    def __init__(self, max_bytes: int, seconds: float) -> None:
        super().__init__(max_bytes)
        self.seconds = seconds
        self._last: tuple[float, int] | None = None

    def saw(self, block: Block) -> None:
        """Aim the next chunk at `seconds`, by the turn that ended with this block."""
        now = time.monotonic()
        if self._last is not None:
            began, rows = self._last
            fitting = int(self.max_bytes // row_bytes(block))
            aim = rows * self.seconds / max(now - began, 1e-6)
            self.rows = max(1, min(int(min(max(aim, rows / 2), rows * 2)), fitting))
        self._last = (now, len(block))


@dataclass(frozen=True)
class Sizing:
    """The caller's wishes: a fixed size, a time for each turn, or growth up to a bound."""

    chunk_size: int | None = None
    max_bytes: int = MAX_BYTES
    target_seconds: float | None = None

    def start(self, blocks_held: int) -> Sizes:
        """Return the sizes of a new run, whose source holds so many blocks at a time."""
        if self.chunk_size is not None:
            return FixedSize(self.chunk_size)
        if self.target_seconds is not None:
            return TimedSize(self.max_bytes // blocks_held, self.target_seconds)
        return GrowingSize(self.max_bytes // blocks_held)


def row_bytes(block: Block) -> float:
    """Estimate the bytes that one row takes, from an even sample of the block's rows."""
    sample = block[:: len(block) // SAMPLE + 1]
    values = sum(value_bytes(value) for row in sample for value in row)
    return values / len(sample) + ROW_OVERHEAD


def value_bytes(value: Any) -> int:
    """Estimate the bytes that a value takes, with what it refers to."""
    if isinstance(value, memoryview):  # psycopg2's bytes
        return value.nbytes
    if isinstance(value, list | tuple):
        return getsizeof(value) + sum(map(value_bytes, value))
    if isinstance(value, dict):
        return getsizeof(value) + sum(map(value_bytes, value.values()))
    return getsizeof(value)
