"""Which raw row a row was built of, where an iterable class of another package builds the rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..django_internals.compiler import Block
from ..django_internals.row_loading import SQLCompiler, is_of_models, loaded_model
from ..hydration.converted_columns import SelectedColumns
from ..hydration.values_rows import each

#: Raw rows to remember of those whose rows have not come out yet. An iterable class that
#: builds rows of another kind takes the rows' positions away, never the memory.
MOST_PENDING = 20_000

#: In place of where a row stands, if that cannot be told.
UNKNOWN: Any = object()

KeyOf = Callable[[Any], Any]


class Place(NamedTuple):
    """Where a row stands, in place of the raw row that it was built of."""

    position: Any


class Read(NamedTuple):
    """A raw row that an iterable class has read, and where it stands."""

    raw_row: Any
    place: Place
    block_start: Place
    """Where the row before the block stands."""


class Origins:
    """Matches rows, as they come out of an iterable class, with raw rows, as they went in.

    An iterable class may leave rows out, and may read many raw rows before the first row comes
    out. An instance is matched by its primary key. Other rows are matched by their number, while
    as many have come out as went in.
    """

    def __init__(self, compiler: SQLCompiler, start: Any = None) -> None:
        self._key_of = primary_key(compiler)
        self._model = loaded_model(compiler).model if self._key_of else None
        self._pending: deque[Read] = deque(maxlen=MOST_PENDING)
        self._ahead = 0
        self._block_start = self.latest = Place(start)
        """Where the raw row stands that was read last."""
        self._leaves_out = False

    def begin_block(self) -> None:
        """Note that the next raw rows are those of a new block."""
        self._block_start = self.latest

    def read(self, raw_row: Any, position: Any) -> None:
        """Note that the iterable class reads a raw row, which stands at `position`."""
        self._ahead += 1
        self.latest = Place(position)
        self._pending.append(Read(raw_row, self.latest, self._block_start))

    def place_of(self, row: Any) -> Place:
        """Return where the row stands that came out now."""
        read = self._match(row)
        return read.place if read else Place(UNKNOWN)

    def safe_place_of(self, row: Any) -> Place:
        """Return where to go on after the row that came out now.

        A class that leaves rows out may do so by a count. Only the start of a block is as safe
        as a walk that begins there.
        """
        read = self._match(row)
        if read is None:
            return Place(UNKNOWN)
        return read.block_start if self._leaves_out else read.place

    def _match(self, row: Any) -> Read | None:
        self._ahead -= 1
        if self._key_of is not None and isinstance(row, self._model or ()):
            return self._by_key(row.pk, self._key_of)
        if self._ahead == 0 and self._pending:
            return self._pass(len(self._pending))
        return None

    def _by_key(self, key: Any, key_of: KeyOf) -> Read | None:
        for number, read in enumerate(self._pending):
            if key_of(read.raw_row) == key:
                self._leaves_out |= number > 0
                return self._pass(number + 1)
        return None

    def _pass(self, number: int) -> Read:
        """Forget the first raw rows; return the last of them."""
        for _ in range(number):
            read = self._pending.popleft()
        self._ahead = len(self._pending)
        return read


def aligned(
    rows: Sequence[Any], block: Block, compiler: SQLCompiler, position: Callable[[Any], Any] | None
) -> list[Any]:
    """Return the raw row, or the place, of each of the rows that were built of a whole block."""
    if len(rows) == len(block) or position is None:
        return block
    origins = Origins(compiler)
    for raw_row in block:
        origins.read(raw_row, position(raw_row))
    return [origins.place_of(row) for row in rows]


def primary_key(compiler: SQLCompiler) -> KeyOf | None:
    """Return what reads the primary key from a raw row; None where rows are no instances."""
    if not is_of_models(compiler):
        return None
    loaded, columns = loaded_model(compiler), SelectedColumns(compiler)
    parts = [
        columns.converted(loaded.indexes[loaded.names.index(field.attname)])
        for field in loaded.model._meta.pk_fields
    ]
    keys = each(columns, parts[0] if len(parts) == 1 else f"({', '.join(parts)})")
    return lambda raw_row: keys([raw_row])[0]
