"""The statements of a walk by keyset, compiled once and filled in for each chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property, partial
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..django_internals.compiler import Block, Compiled, Statement, compile_select
from ..django_internals.expressions import field_of
from ..django_internals.queries import as_intervals, ordered_by, restrict, without_lock
from ..errors import KeysetError
from .access_path import access_path_of
from .columns import KeyColumn
from .keyset import Keyset
from .predicates import between, of_segment, separately_between
from .ranges import Position, Segment, segments

#: Stands for the number of rows in a compiled statement; no table has as many.
LIMIT = 8_888_888_888_888_888_887
NULLS = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}
#: How much further than needed to sort, as longer values will come.
SORT_GROWTH = 4

#: A statement that waits for the number of rows.
Open = Callable[[int], Statement]


class CountedSegment(NamedTuple):
    """Rows that are read by one statement, to be counted."""

    row_at: Callable[[int], Statement]
    """Makes the statement of the one row that comes after so many others."""
    count_rows: Callable[[], int]
    """Counts the rows, by a query."""


class Reached(tuple[Any, ...]):
    """The position of a row that the walk itself has read."""


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
        return cls(statement.sql.split(str(LIMIT)), statement.params, slots)

    def fill(
        self, start: Position | None, end: Position | None, limit: int, offset: int = 0
    ) -> Statement:
        params = list(self.params)
        for index, slot in self.slots:
            params[index] = slot.value(start, end)
        # Each range that is read by itself may have the rows to leave out, and those after it.
        sql = "".join(f"{part}{limit + offset}" for part in self.parts[:-2])
        limited = f"{limit} OFFSET {offset}" if offset else f"{limit}"
        return Statement(f"{sql}{self.parts[-2]}{limited}{self.parts[-1]}", tuple(params))


@dataclass
class Lessons:
    """What the rows of a walk have taught about how to read the next ones."""

    sort_length: int = 0
    """How many bytes of each value to sort by; 0 leaves that to the database."""


class KeysetQuery:
    """Makes the statements of each chunk of one walk on one connection.

    Compiles a statement once for each combination of NULLs in the positions; a chunk
    costs no more than putting its values in. Runs no query.
    """

    def __init__(
        self, keyset: Keyset, connection: BaseDatabaseWrapper, lessons: Lessons | None = None
    ) -> None:
        self.keyset = keyset
        self.connection = connection
        self.database = database_of(connection)
        self._lessons = lessons or Lessons()
        self._access_path = access_path_of(keyset, self.database)
        self._source = as_intervals(keyset.source, self._access_path.pinned)
        self._templates: dict[Any, Template | None] = {}
        self._pinned = {
            place
            for place, column in enumerate(keyset.columns)
            if column.expression in keyset.info.pinned
        }
        self._moments = {
            place
            for place, column in enumerate(keyset.columns)
            if self.database.shows_moments_locally(field_of(column.expression))
        }

    @property
    def compiler(self) -> SQLCompiler:
        """What knows the columns that every one of the statements selects."""
        return self._compiled.compiler

    @property
    def places(self) -> Sequence[int]:
        """Where the key columns stand in a raw row of any of the statements."""
        return self._compiled.places

    @cached_property
    def _compiled(self) -> Compiled:
        return self._compile(self._ordered(self.keyset.columns))

    def statements(self, start: Position | None, end: Position | None) -> Iterator[Open]:
        """Yield the queries of the rows after `start`, none of them after `end`, in order.

        One is run after the other until there are rows enough; mostly the first has them.
        """
        for template, _ in self._segments(start, end):
            yield partial(self._filled, template, start, end)

    def counted_segments(self, start: Position | None) -> Iterator[CountedSegment]:
        """Yield the rows after `start` by the segments that `statements()` reads, to count them."""
        for template, segment in self._segments(start, None):
            yield CountedSegment(
                partial(self._row_at, template, start), partial(self._count, segment, start, None)
            )

    def _segments(
        self, start: Position | None, end: Position | None
    ) -> Iterator[tuple[Template, Segment]]:
        kept = self._compared(start, end)
        shape = _nulls(start), _nulls(end), len(kept)
        whole = Segment(
            [self.keyset.columns[place] for place in kept],
            _slots(start, kept, False),
            _slots(end, kept, True),
        )
        for number, segment in enumerate(segments(whole, self.database)):
            if (shape, number) not in self._templates:
                self._templates[shape, number] = self._template(segment)
            if template := self._templates[shape, number]:
                yield template, segment

    def _row_at(self, template: Template, start: Position | None, offset: int) -> Statement:
        return self._sorted(template.fill(start, None, 1, offset))

    def _count(self, segment: Segment, start: Position | None, end: Position | None) -> int:
        ranges = between(
            segment.columns,
            _values(segment.start, start, end),
            _values(segment.end, start, end),
            self.database,
        )
        return restrict(self._source, [*of_segment(segment), *ranges]).count()

    def _compared(self, start: Position | None, end: Position | None) -> Sequence[int]:
        """Return the places of the columns to compare: not those that are the same in all rows.

        Those are in the filters already. Compared once more, they would keep PostgreSQL and
        SQLite from the other columns in an index. A position that was given from outside may
        have other values in them.
        """
        places = range(len(self.keyset.columns))
        positions = [position for position in (start, end) if position is not None]
        own = next((one for one in positions if isinstance(one, Reached)), None)
        if own is None or len(self._pinned) == len(places):
            return places
        if any(one[place] != own[place] for one in positions for place in self._pinned):
            return places
        return [place for place in places if place not in self._pinned]

    def _filled(
        self, template: Template, start: Position | None, end: Position | None, limit: int
    ) -> Statement:
        return self._sorted(template.fill(start, end, limit))

    def _sorted(self, statement: Statement) -> Statement:
        """Return `statement` as one that sorts by as much of each value as is known to matter."""
        length = self._lessons.sort_length
        return self.database.sorted_by(statement, length) if length else statement

    def learn(self, block: Block) -> bool:
        """Learn from a block how to read rows like these; return whether to read it again.

        The last row must be the last by comparison, too, as the next chunk starts after it.
        """
        needed = self.database.sort_length(self.position(block[-1])) if block else 0
        if needed <= self._lessons.sort_length:
            return False
        self._lessons.sort_length = SORT_GROWTH * needed
        return True

    def position(self, raw_row: Sequence[Any]) -> Position:
        """Return the position of a raw row that one of the statements fetched."""
        values = [_kept_value(raw_row[place]) for place in self.places]
        for place in self._moments:
            if values[place] is not None:
                values[place] = values[place].replace(tzinfo=UTC)
        return Reached(values)

    @cached_property
    def keys(self) -> KeysetQuery:
        """The same walk, reading only the positions, without a lock."""
        return self._bare(self.keyset)

    @property
    def locks(self) -> bool:
        """Whether the rows are locked, and may have been updated before they are."""
        return self.keyset.info.is_locking

    @cached_property
    def keys_from_end(self) -> KeysetQuery:
        """The positions alone, from the last row backwards."""
        return self._bare(self.keyset.reverse())

    def _bare(self, keyset: Keyset) -> KeysetQuery:
        source = without_lock(keyset.source)
        if keyset.info.repeats_rows:
            source = source.values_list("pk")
        return KeysetQuery(replace(keyset, source=source), self.connection, self._lessons)

    def check_progress(self, start: Position, block: Block) -> None:
        """Raise KeysetError if the row at `start` came again in the block after it.

        A walk that does not get ahead would never end.
        """
        last, text, place = start[-1], repr(tuple(start)), self.places[-1]
        likely = block if last != last else [row for row in block if row[place] == last]
        came = any(
            # NaN equals nothing, but looks the same.
            position == start or repr(tuple(position)) == text
            for position in map(self.position, likely)
        )
        if came:
            raise KeysetError(
                "The walk did not get ahead: the row that ended one chunk came again in the "
                "next. A value of the order does not compare as equal to itself, once it has "
                "been read. Use another order, or stream()."
            )

    def _template(self, segment: Segment) -> Template | None:
        ordered = restrict(self._ordered(segment.columns), of_segment(segment))
        compiled = (
            self._compile(restrict(ordered, conditions)).statement
            for conditions in self._ranges(segment)
        )
        statements = [statement for statement in compiled if statement is not None]
        if len(statements) > 1:
            return Template.of(self._union(statements, segment.columns))
        return Template.of(statements[0]) if statements else None

    def _ranges(self, segment: Segment) -> Iterable[Sequence[Any]]:
        """Return the conditions of each range that is read by itself, the nearest first."""
        columns, start, end, _ = segment
        if start is None or not self._access_path.ranges_apart:
            return [between(columns, start, end, self.database)]
        return separately_between(columns, start, end, self.database)

    def _ordered(self, columns: Iterable[KeyColumn]) -> QuerySet[Any, Any]:
        return ordered_by(self._source, [*self._access_path.front, *map(self._order, columns)])

    def _order(self, column: KeyColumn) -> OrderBy:
        """Name the place of NULLs where there are none, if an index is declared that does."""
        first = self.keyset.columns[0]
        is_named = self._access_path.names_nulls and column.expression == first.expression
        return (first if is_named else column).order()

    def _union(self, statements: Sequence[Statement], columns: Sequence[KeyColumn]) -> Statement:
        wrapped = "SELECT * FROM (%s)" if self.database.nests_union_members else "(%s)"
        union = " UNION ALL ".join(wrapped.replace("%s", s.sql) for s in statements)
        params = [param for statement in statements for param in statement.params]
        order = ", ".join(self._numbered(columns))
        return Statement(f"{union} ORDER BY {order} LIMIT {LIMIT}", tuple(params))

    def _numbered(self, columns: Sequence[KeyColumn]) -> Iterator[str]:
        """Yield the terms of an ORDER BY that names each column by its number in a raw row."""
        keyed = zip(self.keyset.columns, self.places, strict=True)
        numbers = {column.expression: place + 1 for column, place in keyed}
        return (_numbered(numbers[column.expression], column) for column in columns)

    def _compile(self, queryset: QuerySet[Any, Any]) -> Compiled:
        return compile_select(queryset[:LIMIT], self.connection, extra=self.keyset.expressions)


def _numbered(number: int, column: KeyColumn) -> str:
    nulls = NULLS[column.nulls_first if column.nullable else None]
    return f"{number}{' DESC' if column.descending else ''}{nulls}"


def _nulls(position: Position | None) -> tuple[bool, ...] | None:
    return None if position is None else tuple(value is None for value in position)


def _slots(position: Position | None, places: Sequence[int], end: bool) -> Position | None:
    if position is None:
        return None
    return tuple(None if position[place] is None else Slot(end, place) for place in places)


def _values(
    slots: Position | None, start: Position | None, end: Position | None
) -> Position | None:
    if slots is None:
        return None
    return tuple(None if slot is None else slot.value(start, end) for slot in slots)


def _kept_value(value: Any) -> Any:
    return bytes(value) if type(value) is memoryview else value
