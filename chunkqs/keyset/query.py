"""The statements of a walk by keyset, compiled once and filled in for each chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.transport import VALUE, Transport
from ..django_internals.compiler import (
    Block,
    Compiled,
    Extra,
    Statement,
    compile_select,
    fetched_width,
)
from ..django_internals.expressions import Col, is_known
from ..django_internals.queries import as_intervals, ordered_by, restrict, without_lock
from .access_path import access_path_of
from .checks import check_block
from .columns import TYPE_ALONE, KeyColumn, KeyValue
from .keyset import Keyset
from .lessons import Lessons
from .predicates import InScope, at, between, of_segment, separately_between, until
from .ranges import Position, Segment, segments
from .template import LIMIT, MANY_ROWS, Open, Template, filled, nulls, number_unlike, slots

NULLS = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}


class Reached(tuple[Any, ...]):
    """The position of a row that the walk itself has read."""


class CountedSegment(NamedTuple):
    """Rows that lie together in an order and are read by one statement."""

    row_at: Callable[[int], Statement]
    """Makes the statement of the one row that comes after so many others."""
    count_rows: Callable[[], int]
    """Counts the rows, by a query."""


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
        self.lessons = lessons or Lessons.before_any_row(keyset.columns, self.database)
        self._access_path = access_path_of(keyset, self.database)
        self._source = as_intervals(keyset.source, self._access_path.pinned)
        self._templates: dict[Any, Template | None] = {}
        self._compilations: dict[tuple[Transport, ...], Compiled] = {}
        self._united: dict[tuple[Transport, ...], Compiled] = {}
        self._pinned = {
            place
            for place, column in enumerate(keyset.columns)
            if column.expression in keyset.info.pinned
        }

    @property
    def compiler(self) -> SQLCompiler:
        """What knows the columns that every one of the statements selects."""
        return self._compiled.compiler

    @property
    def places(self) -> Sequence[int]:
        """Where the key columns stand in a raw row of any of the statements."""
        return self._compiled.places[: len(self.keyset.columns)]

    @property
    def extra(self) -> list[Extra]:
        """The columns that positions are made of, and those that show of which types they are."""
        expressions = [column.expression for column in self.keyset.columns]
        values = [
            Extra(KeyValue(expression, transport))
            for expression, transport in zip(expressions, self.lessons.transports, strict=True)
        ]
        if not self.database.knows_types:
            return values
        return values + [Extra(KeyValue(one, TYPE_ALONE), shown_by=one) for one in expressions]

    @property
    def _compiled(self) -> Compiled:
        transports = self.lessons.transports
        if transports not in self._compilations:
            ordered = self._ordered(self.keyset.columns)
            self._compilations[transports] = self._compile(ordered)
        return self._compilations[transports]

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
                partial(self._row_at, template, start), partial(self._count, segment, start)
            )

    def _segments(
        self, start: Position | None, end: Position | None
    ) -> Iterator[tuple[Template, Segment]]:
        kept = self._compared(start, end)
        shape = nulls(start), nulls(end), len(kept), self.lessons.transports, self.lessons.scope
        whole = Segment(
            [self.keyset.columns[place] for place in kept],
            slots(start, kept, False),
            slots(end, kept, True),
        )
        for number, segment in enumerate(segments(whole, self.database)):
            if (shape, number) not in self._templates:
                self._templates[shape, number] = self._template(segment)
            if template := self._templates[shape, number]:
                yield template, segment

    def _row_at(self, template: Template, start: Position | None, offset: int) -> Statement:
        return self._sorted(template.fill(start, None, 1, offset))

    def _count(self, segment: Segment, start: Position | None) -> int:
        after = filled(segment.start, start, None)
        ranges = between(segment.columns, after, None, self.database)
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
        length = self.lessons.sort_length
        return self.database.sorted_by(statement, length) if length else statement

    def learn(self, column_types: Sequence[Any], block: Block) -> bool:
        """Learn from a block how to read rows like these; return whether to read it again."""
        return self.learn_types(column_types) or (bool(block) and self.learn_length(block))

    def learn_types(self, column_types: Sequence[Any]) -> bool:
        """Learn from the types of all columns of a raw row, as the database names them.

        Returns whether to read the rows in another way. Raises KeysetError for a type whose
        values have no exact way there and back.
        """
        if self.lessons.knows_types or not self.database.knows_types:
            return False
        types = [column_types[place] for place in self._compiled.places[len(self.places) :]]
        return self.lessons.learn_types(types, self.keyset.columns, self.database)

    def learn_length(self, block: Block) -> bool:
        """Learn from the last row of a block whether to sort by more of each value, and read it
        again."""
        return self.lessons.learn_length(self.position(block[-1]), self.database)

    def position(self, raw_row: Sequence[Any]) -> Position:
        """Return the position of a raw row that one of the statements fetched."""
        transports = self.lessons.transports
        return Reached(
            _loaded(raw_row[place], transport)
            for place, transport in zip(self.places, transports, strict=True)
        )

    def check(self, start: Position | None, block: Block) -> None:
        """Raise KeysetError unless each row of a block has a place of its own, after `start`."""
        check_block(self.keyset, block, self.places, self.position, start)

    @cached_property
    def keys(self) -> KeysetQuery:
        """The same walk, reading only the positions, without a lock."""
        return self._bare(self.keyset)

    @property
    def is_proven(self) -> bool:
        """Whether the order is known to be one: of columns, and of functions that Django knows."""
        expressions = [column.expression for column in self.keyset.columns]
        return not self.lessons.has_own_types and all(map(self._is_known, expressions))

    def _is_known(self, expression: Any) -> bool:
        is_own = not isinstance(expression, Col) or expression.target.model._meta.managed
        return is_known(expression) and (self.database.knows_types or is_own)

    @property
    def is_of_columns(self) -> bool:
        """Whether the order is of a table's columns alone, whose types the database has named."""
        columns = (column.expression for column in self.keyset.columns)
        return self.database.knows_types and all(isinstance(one, Col) for one in columns)

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
        return KeysetQuery(replace(keyset, source=source), self.connection, self.lessons)

    def rows_at(self, position: Position, last: Position | None = None) -> Statement | None:
        """Return the query of the rows at `position` that are not after `last`: two at most."""
        columns = self.keyset.columns
        conditions = at(columns, position, self.database)
        if last is not None:
            conditions.append(until(columns, last, self.database))
        rows = restrict(without_lock(self.keyset.source).order_by(), conditions)
        return compile_select(rows[:2], self.connection).statement

    def rows_again(self, start: Position, last: Position, mark: Position) -> Statement | None:
        """Return the query of a row after `start`, up to `last`, that is not after `mark`.

        There is none where `mark` comes before `start`, if the order is one.
        """
        columns = self.keyset.columns
        conditions = [*between(columns, start, last, self.database)]
        conditions.append(until(columns, mark, self.database))
        rows = restrict(without_lock(self.keyset.source).order_by(), conditions)
        return compile_select(rows[:1], self.connection).statement

    def _template(self, segment: Segment) -> Template | None:
        # DISTINCT selects the columns of the order: the same ones in every statement.
        is_distinct = self.keyset.info.is_distinct
        columns = self.keyset.columns if is_distinct else segment.columns
        ordered = restrict(self._ordered(columns), [*self._in_scope, *of_segment(segment)])
        if segment.start is not None and self._access_path.ranges_apart:
            statement = self._separately(ordered, segment)
            if statement is None or self._has_room(statement):
                return Template.of(statement) if statement else None
        ranges = between(segment.columns, segment.start, segment.end, self.database)
        statement = self._compile(restrict(ordered, ranges)).statement
        return Template.of(statement) if statement else None

    @property
    def _in_scope(self) -> list[InScope]:
        scope = self.lessons.scope
        return [] if scope is None else [InScope(scope)]

    def _separately(self, ordered: QuerySet[Any, Any], segment: Segment) -> Statement | None:
        """Compile a SELECT for each range, the nearest first."""
        columns, start, end, _ = segment
        apart = separately_between(columns, start or (), end, self.database)
        ranges = [restrict(ordered, conditions) for conditions in apart]
        parts = [self._part(part, is_alone=len(ranges) == 1) for part in ranges]
        statements = [statement for statement in parts if statement is not None]
        if len(ranges) == 1 or not statements:
            return statements[0] if statements else None
        return self._trimmed(self._union(statements, columns))

    def _has_room(self, statement: Statement) -> bool:
        """Return whether the database takes as many parameters: each range repeats those of the
        filters."""
        most = self.connection.features.max_query_params
        return most is None or len(statement.params) <= most

    def _part(self, queryset: QuerySet[Any, Any], is_alone: bool) -> Statement | None:
        """Compile one range, with the columns that a union of several is sorted by."""
        return self._compile(queryset, *([] if is_alone else self._sort_columns)).statement

    @property
    def _sort_columns(self) -> list[Extra]:
        """The columns to sort a union by, where what positions are made of sorts otherwise."""
        if all(transport.sorts for transport in self.lessons.transports):
            return []
        return [Extra(KeyValue(column.expression, VALUE)) for column in self.keyset.columns]

    @property
    def _with_sort_columns(self) -> Compiled:
        """The whole walk with the columns to sort a union by at the end of a raw row."""
        transports = self.lessons.transports
        if transports not in self._united:
            ordered = self._ordered(self.keyset.columns)
            self._united[transports] = self._compile(ordered, *self._sort_columns)
        return self._united[transports]

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
        width = len(self.keyset.columns)
        places = self._with_sort_columns.places[-width:] if self._sort_columns else self.places
        keyed = zip(self.keyset.columns, places, strict=True)
        numbers = {column.expression: place + 1 for column, place in keyed}
        for column in columns:
            yield f"{numbers[column.expression]}{_direction(column)}"

    def _trimmed(self, statement: Statement) -> Statement:
        """Return a union without the columns that it is sorted by, which a driver may not be able
        to read."""
        width = fetched_width(self._compiled.compiler)
        full = fetched_width(self._with_sort_columns.compiler)
        if width == full or not self.database.names_derived_columns:
            return statement
        names = [f"c{number}" for number in range(1, full + 1)]
        order = ", ".join(f"c{term}" for term in self._numbered(self.keyset.columns))
        sql = f"SELECT {', '.join(names[:width])} FROM ({statement.sql}) AS united"
        return Statement(f"{sql} ({', '.join(names)}) ORDER BY {order}", statement.params)

    def _compile(self, queryset: QuerySet[Any, Any], *more: Extra) -> Compiled:
        extra = [*self.extra, *more]
        compiled = compile_select(queryset[:MANY_ROWS], self.connection, extra)
        number = MANY_ROWS
        if compiled.statement and compiled.statement.sql.count(str(number)) != 1:
            number = number_unlike(compiled.statement.sql)
            compiled = compile_select(queryset[:number], self.connection, extra)
        if compiled.statement is None:
            return compiled
        sql = compiled.statement.sql.replace(str(number), LIMIT)
        return compiled._replace(statement=compiled.statement._replace(sql=sql))


def _direction(column: KeyColumn) -> str:
    nulls = NULLS[column.nulls_first if column.nullable else None]
    return f"{' DESC' if column.descending else ''}{nulls}"


def _loaded(value: Any, transport: Transport) -> Any:
    if value is None or transport.load is None:
        return bytes(value) if type(value) is memoryview else value
    return transport.load(value)
