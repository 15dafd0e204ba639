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

from ..databases.mysql.sort_length import SortLength
from ..django_internals import filters as filter_internals
from ..django_internals import queries as order_internals
from ..django_internals.compiler import Block, Compiled, Statement, compile_select
from ..errors import KeysetError
from .access_path import access_of
from .columns import KeyColumn, is_moment
from .keyset import Keyset
from .predicates import Position, between, separately_between
from .ranges import Stretch, stretches

#: Stands for the number of rows in a compiled statement; no table has as many.
LIMIT = 8_888_888_888_888_888_887
NULLS = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}


#: A statement that waits for the number of rows.
Open = Callable[[int], Statement]


class Segment(NamedTuple):
    """Rows that lie together in an order and are read by one statement."""

    row_at: Callable[[int], Statement]
    """Makes the statement of the one row that comes after so many others."""
    count_rows: Callable[[], int]
    """Counts the rows, by a query."""


class Slot(NamedTuple):
    """Stands for a value of a position among the parameters of a compiled statement."""

    end: bool
    """Whether the position is the one to stop at, not the one to start behind."""
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
        # Each range that is read by itself may have the rows to leave out, and those behind.
        sql = "".join(f"{part}{limit + offset}" for part in self.parts[:-2])
        limited = f"{limit} OFFSET {offset}" if offset else f"{limit}"
        return Statement(f"{sql}{self.parts[-2]}{limited}{self.parts[-1]}", tuple(params))


class KeysetQuery:
    """Makes the statements of each chunk of one walk on one connection.

    Compiles a statement once for each combination of NULLs in the positions; a chunk
    costs no more than putting its values in. Runs no query.
    """

    def __init__(self, keyset: Keyset, connection: BaseDatabaseWrapper) -> None:
        self.keyset = keyset
        self.connection = connection
        self._width = len(keyset.columns)
        self._sort_length = SortLength(connection)
        self._access = access_of(keyset, connection)
        self._source = filter_internals.as_intervals(keyset.source, self._access.pinned)
        self._templates: dict[Any, Template | None] = {}
        self._pinned = _pinned_places(keyset)
        self._seen: list[Position] = []
        self._moments = {
            place
            for place, column in enumerate(keyset.columns)
            if is_moment(column.expression, connection)
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
        """Yield the queries of the rows behind `start`, none of them behind `end`, in order.

        One is run after the other until there are rows enough; mostly the first has them.
        """
        for template, _ in self._segments(start, end):
            yield partial(self._filled, template, start, end)

    def segments(self, start: Position | None) -> Iterator[Segment]:
        """Yield the rows after `start` by the segments that `statements()` reads, to count them."""
        for template, stretch in self._segments(start, None):
            yield Segment(
                partial(self._row_at, template, start), partial(self._count, stretch, start, None)
            )

    def _segments(
        self, start: Position | None, end: Position | None
    ) -> Iterator[tuple[Template, Stretch]]:
        kept = self._kept(start, end)
        shape = _nulls(start), _nulls(end), len(kept)
        whole = Stretch(
            [self.keyset.columns[place] for place in kept],
            _slots(start, kept, False),
            _slots(end, kept, True),
        )
        for number, stretch in enumerate(stretches(whole, self.connection)):
            if (shape, number) not in self._templates:
                self._templates[shape, number] = self._template(stretch)
            if template := self._templates[shape, number]:
                yield template, stretch

    def _row_at(self, template: Template, start: Position | None, offset: int) -> Statement:
        return self._sort_length.applied(template.fill(start, None, 1, offset))

    def _count(self, stretch: Stretch, start: Position | None, end: Position | None) -> int:
        ranges = between(
            stretch.columns,
            _values(stretch.start, start, end),
            _values(stretch.end, start, end),
            self.connection,
        )
        return filter_internals.restrict(self._source, [*stretch.conditions, *ranges]).count()

    def _kept(self, start: Position | None, end: Position | None) -> Sequence[int]:
        """Return the places of the columns to compare: not those that are the same in all rows.

        Those are in the filters already, and compared once more would keep PostgreSQL and
        SQLite from the other columns in an index. A position that was given may be of others.
        """
        places = range(self._width)
        if not self._seen or len(self._pinned) == self._width:
            return places
        seen = self._seen[0]
        positions = [position for position in (start, end) if position is not None]
        if any(position[place] != seen[place] for position in positions for place in self._pinned):
            return places
        return [place for place in places if place not in self._pinned]

    def _filled(
        self, template: Template, start: Position | None, end: Position | None, limit: int
    ) -> Statement:
        return self._sort_length.applied(template.fill(start, end, limit))

    def is_in_place(self, raw_row: Sequence[Any]) -> bool:
        """Tell whether the row that a statement ended with is the last by comparison, too.

        Where it may not be, the same statement made anew gets it right. MySQL and MariaDB
        sort long values by their beginnings.
        """
        return self._sort_length.suffices(self.position(raw_row))

    def position(self, raw_row: Sequence[Any]) -> Position:
        """Return the position of a raw row that one of the statements fetched."""
        position = tuple(_kept_value(raw_row[place]) for place in self.places)
        if self._moments:
            position = tuple(
                value.replace(tzinfo=UTC) if place in self._moments and value else value
                for place, value in enumerate(position)
            )
        if self._pinned and not self._seen:
            self._seen.append(position)
        return position

    @cached_property
    def keys(self) -> KeysetQuery:
        """The same walk, of which only the positions are asked, and nothing is locked."""
        return self._bare(self.keyset)

    @property
    def locks(self) -> bool:
        """Whether the rows are locked, and may be others once that is done."""
        return order_internals.is_locking(self.keyset.source)

    @cached_property
    def keys_from_end(self) -> KeysetQuery:
        """The positions alone, from the last row backwards."""
        return self._bare(self.keyset.reverse())

    def _bare(self, keyset: Keyset) -> KeysetQuery:
        source = order_internals.without_lock(keyset.source)
        if not order_internals.groups(source) and not order_internals.is_distinct(source):
            source = source.values_list("pk")
        query = KeysetQuery(replace(keyset, source=source), self.connection)
        query._sort_length, query._seen = self._sort_length, self._seen
        return query

    def check_progress(self, start: Position, block: Block) -> None:
        """Raise KeysetError if the row at `start` came again in the block behind it.

        A walk that does not get ahead would never end.
        """
        last, text, place = start[-1], repr(start), self.places[-1]
        likely = block if last != last else [row for row in block if row[place] == last]
        came = any(
            # NaN equals nothing, but looks the same.
            position == start or repr(position) == text
            for position in map(self.position, likely)
        )
        if came:
            raise KeysetError(
                "The walk did not get ahead: the row that ended one chunk came again in the "
                "next. A value of the order does not compare as equal to itself, once it has "
                "been read. Use another order, or stream()."
            )

    def _template(self, stretch: Stretch) -> Template | None:
        ordered = filter_internals.restrict(self._ordered(stretch.columns), stretch.conditions)
        compiled = (
            self._compile(filter_internals.restrict(ordered, conditions)).statement
            for conditions in self._ranges(stretch)
        )
        statements = [statement for statement in compiled if statement is not None]
        if len(statements) > 1:
            return Template.of(self._union(statements, stretch.columns))
        return Template.of(statements[0]) if statements else None

    def _ranges(self, stretch: Stretch) -> Iterable[Sequence[Any]]:
        """Return the conditions of each range that is read by itself, the nearest first."""
        columns, start, end, _ = stretch
        if start is None or not self._access.ranges_apart:
            return [between(columns, start, end, self.connection)]
        return separately_between(columns, start, end, self.connection)

    def _ordered(self, columns: Iterable[KeyColumn]) -> QuerySet[Any, Any]:
        front = [OrderBy(column, descending=down) for column, down in self._access.front]
        return order_internals.ordered_by(self._source, [*front, *map(self._order, columns)])

    def _order(self, column: KeyColumn) -> OrderBy:
        """Name the place of NULLs where there are none, if an index is declared that does."""
        first = self.keyset.columns[0]
        is_named = self._access.names_nulls and column.expression == first.expression
        return (first if is_named else column).order()

    def _union(self, statements: Sequence[Statement], columns: Sequence[KeyColumn]) -> Statement:
        wrapped = "SELECT * FROM (%s)" if self.connection.vendor == "sqlite" else "(%s)"
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


def _pinned_places(keyset: Keyset) -> list[int]:
    pinned = filter_internals.pinned(keyset.source)
    return [n for n, column in enumerate(keyset.columns) if column.expression in pinned]
