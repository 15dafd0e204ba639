"""The statements of a walk by keyset, compiled once and filled in for each chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases.value_transport import NoValue, Transport
from ..django_internals.compiler import Block, Statement, compile_select
from ..django_internals.conditions import restrict
from ..django_internals.expressions import Col, is_known
from ..django_internals.queries import without_lock
from .block_check import check_block
from .keyset import Keyset
from .learnt_types import Lessons
from .no_values import refuse_no_values
from .ranges_after_position import Position, Segment, segments
from .ranges_as_sql import InScope, at, between, of_segment, until
from .refusals import refuse_unsendable, unsendable
from .statement_template import Open, Template, filled, nulls, slots
from .union import KeysetUnion
from .unproven_not_null import HasNoNulls


class Reached(tuple[Any, ...]):
    """The position of a row that the walk itself has read."""


class CountedSegment(NamedTuple):
    """Rows that lie together in an order and are read by one statement."""

    row_at: Callable[[int], Statement]
    """Makes the statement of the one row that comes after so many others."""
    count_rows: Callable[[], int]
    """Counts the rows, by a query."""


class KeysetQuery(KeysetUnion):
    """Makes the statements of each chunk of one walk on one connection.

    Compiles a statement once for each combination of NULLs in the positions; a chunk
    costs no more than putting its values in. Runs no query.
    """

    def __init__(
        self, keyset: Keyset, connection: BaseDatabaseWrapper, lessons: Lessons | None = None
    ) -> None:
        super().__init__(keyset, connection, lessons)
        self._templates: dict[Any, Template | None] = {}
        self._kept: tuple[Any, Any, list[tuple[int, Transport]]] = None, None, []
        self._pinned = {
            place
            for place, column in enumerate(keyset.columns)
            if column.expression in keyset.info.pinned
        }

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
        columns, lessons = self.columns, self.lessons
        session = lessons.scope, lessons.sorting
        way = lessons.transports, session, lessons.nullable, lessons.unproven
        shape = nulls(start), nulls(end), len(kept), way
        whole = Segment(
            [columns[place] for place in kept],
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

    def learn_types(self, column_types: Sequence[Any]) -> bool:
        """Learn from the types of all columns of a raw row, as the database names them.

        Returns whether to read the rows in another way. Raises KeysetError for a type whose
        values have no exact way there and back.
        """
        lessons, database = self.lessons, self.database
        if not database.knows_types or (lessons.knows_types and database.reads_alike):
            return False
        types = [column_types[place] for place in self._compiled.places[len(self.places) :]]
        if lessons.knows_types and database.hides_types:
            lessons.check_types(types, self.keyset.columns, database)
            return False
        return lessons.learn_types(types, self.keyset.columns, database)

    def learn_length(self, block: Block) -> bool:
        """Learn from a block whether to sort by more of each value, and read it again.

        Each row counts: one that was sorted by a part of its value may stand anywhere.
        """
        refuse_no_values(self.keyset.columns, self._key_values(), block)
        if not self.database.sorts_by_beginnings:
            return False
        values = (row[place] for row in block for place in self.places)
        return self.lessons.learn_length(values, self.database)

    def position(self, raw_row: Sequence[Any]) -> Position:
        """Return the position of a raw row that one of the statements fetched."""
        try:
            return Reached([_loaded(raw_row[place], how) for place, how in self._key_values()])
        except UnicodeError as error:
            raise unsendable(self._expressions, error) from error
        except NoValue:
            refuse_no_values(self.keyset.columns, self._key_values(), [tuple(raw_row)])
            raise

    def check_given(self, *positions: Position | None) -> None:
        """Raise KeysetError for a position of another session that this one cannot send."""
        for position in positions:
            refuse_unsendable(position or (), self._expressions, self.database)

    @property
    def _expressions(self) -> list[Any]:
        return [column.expression for column in self.keyset.columns]

    def _key_values(self) -> list[tuple[int, Transport]]:
        """Return where each key column stands in a raw row, and how it is read.

        A walk asks for each few rows. So it is kept until the walk learns otherwise.
        """
        transports, nullable = self.lessons.transports, self.lessons.nullable
        if transports is not self._kept[0] or nullable is not self._kept[1]:
            values = list(zip(self.places, transports, strict=True))
            self._kept = transports, nullable, values
        return self._kept[2]

    def check(self, start: Position | None, block: Block) -> None:
        """Raise KeysetError unless each row of a block has a place of its own, after `start`."""
        nullable = self.lessons.nullable
        keyset = self.keyset.with_nulls(nullable) if nullable else self.keyset
        check_block(keyset, block, self.places, self.position, start)

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
    def skips_rows(self) -> bool:
        """Whether an index that gives the order knows nothing of a range that is filtered."""
        info, first = self.keyset.info, self.keyset.columns[0].expression
        return bool(info.ranged) and first not in info.ranged and info.repeats_rows

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
        columns = self.columns
        conditions = at(columns, position, self.database)
        if last is not None:
            conditions.append(until(columns, last, self.database))
        rows = restrict(without_lock(self.keyset.source).order_by(), conditions)
        return compile_select(rows[:2], self.connection).statement

    def rows_of_key(self, position: Position) -> Statement | None:
        """Return the query of the row with the primary key of `position`, wherever it is now.

        None where the order does not end with the key.
        """
        places = [place for place, one in enumerate(self.columns) if one.tie_breaker]
        if not places:
            return None
        columns, values = self.columns, tuple(position[place] for place in places)
        conditions = at([columns[place] for place in places], values, self.database)
        rows = restrict(without_lock(self.keyset.source).order_by(), conditions)
        return compile_select(rows[:1], self.connection).statement

    def rows_again(self, start: Position, last: Position, mark: Position) -> Statement | None:
        """Return the query of a row after `start`, up to `last`, that is not after `mark`.

        There is none where `mark` comes before `start`, if the order is one.
        """
        columns = self.columns
        conditions = [*between(columns, start, last, self.database)]
        conditions.append(until(columns, mark, self.database))
        rows = restrict(without_lock(self.keyset.source).order_by(), conditions)
        return compile_select(rows[:1], self.connection).statement

    def _template(self, segment: Segment) -> Template | None:
        # DISTINCT selects the columns of the order: the same ones in every statement.
        is_distinct = self.keyset.info.is_distinct
        columns = self.columns if is_distinct else segment.columns
        conditions = [*self._in_scope, *self._proofs, *of_segment(segment)]
        ordered = restrict(self._ordered(columns), conditions)
        if segment.start is not None and self._access_path.ranges_apart:
            statement = self._separately(ordered, segment)
            if statement is None or self._has_room(statement):
                return Template.of(statement) if statement else None
        ranges = between(segment.columns, segment.start, segment.end, self.database)
        statement = self._part(restrict(ordered, ranges), is_alone=True)
        return Template.of(statement) if statement else None

    @property
    def _in_scope(self) -> list[InScope]:
        scopes = self.lessons.scope, self.lessons.sorting
        return [InScope(scope) for scope in scopes if scope is not None]

    @property
    def _proofs(self) -> list[HasNoNulls]:
        return list(map(HasNoNulls, self.lessons.unproven))


def _loaded(value: Any, transport: Transport) -> Any:
    if value is None or transport.load is None:
        return bytes(value) if type(value) is memoryview else value
    return transport.load(value)
