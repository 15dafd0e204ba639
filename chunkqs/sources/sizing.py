"""How many rows to ask for next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from sys import getsizeof
from typing import Any

from django.core.exceptions import FieldError
from django.db.models import fields
from django.db.models.sql.compiler import SQLCompiler

from ..django_internals.compiler import Block
from ..django_internals.row_loading import selected

#: Bytes that one chunk may take, unless the caller says otherwise.
MAX_BYTES = 16 * 1024 * 1024
#: The first fetch: few enough that the first row is at once, even of rows of 1 MB.
FIRST_ROWS = 8
#: The first fetch where the types of the columns set a bound to the size of a row.
FIRST_BOUNDED_ROWS = 100
#: From one fetch to the next; 8 rows have grown to 2,000 after four fetches.
GROWTH = 4
#: How many times larger or smaller a chunk that is to take a given time may be than the last.
STEP = 16
#: Past some thousand rows a larger chunk saves no time, it only holds more memory.
MOST_ROWS = 2000
#: A row's container, instance and state, beside its values.
ROW_OVERHEAD = 300
#: Rows of a block, and values of a list, that are weighed to estimate all of them.
SAMPLE = 50
#: A key of a dictionary that was made of JSON.
KEY_BYTES = 55

#: Fields whose values are small whatever they are, and the bytes that one takes at most.
SMALL_FIELDS = (
    fields.BooleanField,
    fields.DateField,
    fields.DecimalField,
    fields.DurationField,
    fields.FloatField,
    fields.GenericIPAddressField,
    fields.IntegerField,
    fields.TimeField,
    fields.UUIDField,
)
SMALL_BYTES = 150
#: Characters up to which text is small, and the bytes that one takes at most.
SMALL_TEXT = 1000
CHARACTER_BYTES = 4


class FixedSize:
    """Always the same number of rows: nothing to learn, the caller has fixed the size."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        """How many rows to ask for next."""

    def block_arrived(self, number: int) -> None:
        """Note that a block of so many rows has arrived."""

    def next_turn(self, waited: float) -> None:
        """Note that the next block is asked for, after a wait that is no part of the work."""

    def observe(self, block: Block, rows: Sequence[Any]) -> None:
        """Learn from raw rows and the rows that were built of them."""

    def learn(self, row_bytes: float) -> None:
        """Learn how many bytes a row takes, where the rows themselves are elsewhere."""

    def allow_larger(self, rows: int) -> None:
        """Let blocks grow, where they may, up to so many rows."""

    def limit(self, block: Block) -> int:
        """Return how many rows to hold at most of raw rows like these."""
        return self.rows


class GrowingSize(FixedSize):
    """A small first fetch, then growth for as long as a chunk stays under `max_bytes`."""

    def __init__(self, max_bytes: int, row_bound: int | None = None) -> None:
        self.max_bytes = max_bytes
        self._most = MOST_ROWS
        if row_bound is None:
            self.growth = GROWTH
            super().__init__(min(FIRST_ROWS, MOST_ROWS))
        else:
            # What the types promise need not be found out step by step.
            self.growth = MOST_ROWS
            limit = max_bytes // row_bound
            super().__init__(max(1, min(FIRST_BOUNDED_ROWS, MOST_ROWS, limit)))

    def observe(self, block: Block, rows: Sequence[Any]) -> None:
        """Grow, but not past what `max_bytes` holds of rows like these."""
        self.learn(built_bytes(block, rows))

    def learn(self, row_bytes: float) -> None:
        """Grow, but not past what `max_bytes` holds of rows of so many bytes."""
        limit = int(self.max_bytes // row_bytes)
        self.rows = max(1, min(self.rows * self.growth, self._most, limit))

    def allow_larger(self, rows: int) -> None:
        """Let blocks grow up to so many rows, where the bytes allow it."""
        self._most = max(self._most, rows)

    def limit(self, block: Block) -> int:
        """Return how many rows like these `max_bytes` holds."""
        if not block:
            return self.rows
        return max(1, min(MOST_ROWS, int(self.max_bytes // built_bytes(block, ()))))


class TimedSize(GrowingSize):
    """As many rows as one turn of the caller's loop gets through in `seconds`.

    A turn is from the query for one chunk to the query for the next, so it counts the fetch and
    the caller's work, but no wait for a throttle. The first turns are of a few rows, and say
    little of many: from turn to turn the size changes by `STEP` times at most.
    """

    def __init__(self, max_bytes: int, seconds: float) -> None:
        super().__init__(max_bytes)
        self.seconds = seconds
        self._most = self.rows
        self._began: float | None = None
        self._number = 0

    def next_turn(self, waited: float) -> None:
        """Aim the next chunk at `seconds`, by the turn that ends with this."""
        now = time.monotonic()
        if self._began is not None and self._number:
            taken = max(now - self._began - waited, 1e-6)
            aim = self._number * self.seconds / taken
            self.rows = max(1, round(min(max(aim, self._number / STEP), self._number * STEP)))
            self.rows = min(self.rows, self._most)
        self._began, self._number = now, 0

    def block_arrived(self, number: int) -> None:
        """Note the rows that the turn is about."""
        self._number = number

    def learn(self, row_bytes: float) -> None:
        """Keep under what `max_bytes` holds of rows of so many bytes."""
        self._most = max(1, int(self.max_bytes // row_bytes))


@dataclass(frozen=True)
class Sizing:
    """The caller's wishes: a fixed size, a time for each turn, or growth up to a bound."""

    chunk_size: int | None = None
    max_bytes: int = MAX_BYTES
    target_seconds: float | None = None

    @property
    def capacity(self) -> int:
        """Rows that fit one chunk, as far as rows are the measure."""
        return self.chunk_size or MOST_ROWS

    def start(self, blocks_held: int, row_bound: int | None) -> FixedSize:
        """Return the sizes of a new walk, whose source holds so many blocks at a time.

        `row_bound` is the bytes that a row takes at most by its types, where they say.
        """
        if self.chunk_size is not None:
            return FixedSize(self.chunk_size)
        if self.target_seconds is not None:
            return TimedSize(self.max_bytes // blocks_held, self.target_seconds)
        return GrowingSize(self.max_bytes // blocks_held, row_bound)


def row_bound(compiler: SQLCompiler) -> int | None:
    """Return the bytes that a row takes at most by the types of its columns.

    None where one of them sets no bound: text without a length, JSON, binary.
    """
    bounds = [_value_bound(expression) for expression in selected(compiler)]
    known = [bound for bound in bounds if bound is not None]
    return sum(known) + ROW_OVERHEAD if len(known) == len(bounds) else None


def _value_bound(expression: Any) -> int | None:
    try:
        field = expression.output_field
    except (AttributeError, FieldError):
        return None
    field = getattr(field, "target_field", field)
    if isinstance(field, SMALL_FIELDS):
        return SMALL_BYTES
    max_length = getattr(field, "max_length", None) or SMALL_TEXT + 1
    return max_length * CHARACTER_BYTES if max_length <= SMALL_TEXT else None


def row_bytes(block: Block) -> float:
    """Estimate the bytes that one raw row takes, from an even sample of the block's rows."""
    sample = block[:: len(block) // SAMPLE + 1]
    return sum(map(values_bytes, sample)) / len(sample) + ROW_OVERHEAD


def built_bytes(block: Block, rows: Sequence[Any]) -> float:
    """Estimate the bytes that a raw row takes together with the row that was built of it.

    What a converter has made of a value, of JSON perhaps, may take many times as much.
    """
    sample = rows[:: len(rows) // SAMPLE + 1]
    made = sum(
        value_bytes(value) for row in sample for value in values_of(row) if type(value) in DEEP
    )
    return row_bytes(block) + made / max(len(sample), 1)


def values_of(row: Any) -> Iterable[Any]:
    """Return the values that a row was made of."""
    if isinstance(row, tuple):
        return row
    if isinstance(row, dict):
        return row.values()
    return getattr(row, "__dict__", {}).values()


#: What does not say itself how much it holds.
DEEP = frozenset([bytes, bytearray, memoryview, list, tuple, dict])


def values_bytes(values: Sequence[Any]) -> float:
    """Estimate the bytes that some values take, with what they refer to."""
    deep = [value for value in values if type(value) in DEEP]
    return sum(map(getsizeof, values)) + sum(map(value_bytes, deep))


def value_bytes(value: Any) -> float:
    """Estimate the bytes that a value takes, with what it refers to: of many, of a sample."""
    if isinstance(value, bytes | bytearray | memoryview):
        # The driver has it as text in hexadecimal, too.
        return 3 * len(value)
    if isinstance(value, dict):
        sample = list(islice(value.values(), SAMPLE))
        return getsizeof(value) + len(value) * (_mean(sample) + KEY_BYTES)
    if isinstance(value, list | tuple):
        return getsizeof(value) + len(value) * _mean(value[:: len(value) // SAMPLE + 1])
    return getsizeof(value)


def _mean(sample: Sequence[Any]) -> float:
    return values_bytes(sample) / len(sample) if sample else 0
