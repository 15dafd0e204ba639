"""The statements of a walk by keyset, compiled once and filled in for each chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet, Value
from django.db.models.expressions import Expression, OrderBy
from django.db.models.sql.compiler import SQLCompiler

from . import order_internals
from .access import access_of
from .errors import KeysetError
from .internals import Block, Statement, compile_select, selected_width
from .key_columns import KeyColumn
from .keyset import Keyset
from .predicates import Position, between, separately_between
from .sort_lengths import SortLength
from .stretches import Stretch, stretches

#: Stands for the number of rows in a compiled statement; no table has as many.
LIMIT = 8_888_888_888_888_888_887
NULLS = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}


class Slot(NamedTuple):
    """Stands for a value of a position among the parameters of a compiled statement."""

    end: bool
    """Whether the position is the one to stop at, not the one to start behind."""
    column: int


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

    def fill(self, start: Position | None, end: Position | None, limit: int) -> Statement:
        params = list(self.params)
        positions = (start or (), end or ())
        for index, slot in self.slots:
            params[index] = positions[slot.end][slot.column]
        return Statement(str(limit).join(self.parts), tuple(params))


class KeysetQuery:
    """Makes the statement of each chunk of one walk on one connection.

    Compiles a statement once for each combination of NULLs in the positions; a chunk
    costs no more than putting its values in. Runs no query.
    """

    def __init__(self, keyset: Keyset, connection: BaseDatabaseWrapper) -> None:
        self.keyset = keyset
        self.connection = connection
        self._width = len(keyset.columns)
        self._sort_length = SortLength(connection)
        self._access = access_of(keyset, connection)
        self._source = order_internals.as_intervals(keyset.source, self._access.pinned)
        self._templates: dict[Any, Template | None] = {}
        first, self.compiler = self._compile(self._ordered(keyset.columns))
        if not self._access.nulls_apart:
            self._templates[None, None] = first and Template.of(first)

    def statement(
        self, start: Position | None, end: Position | None, limit: int
    ) -> Statement | None:
        """Return the query of the next `limit` rows behind `start`, none of them behind `end`.

        None where it is certain without asking that there are none.
        """
        shape = _nulls(start), _nulls(end)
        if shape not in self._templates:
            self._templates[shape] = self._template(start, end)
        template = self._templates[shape]
        return self._sort_length.applied(template.fill(start, end, limit)) if template else None

    def is_in_place(self, raw_row: Sequence[Any]) -> bool:
        """Tell whether the row that a statement ended with is the last by comparison, too.

        Where it may not be, the same statement made anew gets it right. MySQL and MariaDB
        sort long values by their beginnings.
        """
        return self._sort_length.suffices(self.position(raw_row))

    def position(self, raw_row: Sequence[Any]) -> Position:
        """Return the position of a raw row that one of the statements fetched."""
        return tuple(
            bytes(value) if type(value) is memoryview else value
            for value in raw_row[-self._width :]
        )

    def last(self) -> Statement | None:
        """Return the query of the last row: one raw row, for `position()`."""
        keyset = self.keyset.reverse()
        source = order_internals.without_lock(keyset.source)
        if not order_internals.groups(source) and not order_internals.is_distinct(source):
            source = source.values_list("pk")
        query = KeysetQuery(replace(keyset, source=source), self.connection)
        query._sort_length = self._sort_length
        return query.statement(None, None, 1)

    def check_progress(self, start: Position, block: Block) -> None:
        """Raise KeysetError if the row at `start` came again in the block behind it.

        A walk that does not get ahead would never end.
        """
        last, text = start[-1], repr(start)
        likely = block if last != last else [row for row in block if row[-1] == last]
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

    def _template(self, start: Position | None, end: Position | None) -> Template | None:
        after, until = _slots(start, False), _slots(end, True)
        whole = Stretch(self.keyset.columns, after, until)
        apart = self._access.nulls_apart
        found = stretches(*whole[:3], self.connection) if apart else [whole]
        statements = [
            statement
            for number, stretch in enumerate(found)
            for statement in self._statements(stretch, number)
        ]
        if len(statements) > 1:
            return Template.of(self._union(statements))
        return Template.of(statements[0]) if statements else None

    def _statements(self, stretch: Stretch, number: int) -> Iterator[Statement]:
        """Yield a statement for each range that is read by itself, the nearest first."""
        columns, start, end, conditions = stretch
        ordered = order_internals.restrict(self._ordered(columns), conditions)
        if start is None or not self._access.ranges_apart:
            ranges = [between(columns, start, end, self.connection)]
        else:
            ranges = separately_between(columns, start, end, self.connection)
        for parts in ranges:
            statement, _ = self._compile(order_internals.restrict(ordered, parts), number)
            if statement is not None:
                yield statement

    def _ordered(self, columns: Iterable[KeyColumn]) -> QuerySet[Any, Any]:
        front = [OrderBy(column, descending=down) for column, down in self._access.front]
        return order_internals.ordered_by(self._source, [*front, *(c.order() for c in columns)])

    def _union(self, statements: Sequence[Statement]) -> Statement:
        wrapped = "SELECT * FROM (%s)" if self.connection.vendor == "sqlite" else "(%s)"
        union = " UNION ALL ".join(wrapped.replace("%s", s.sql) for s in statements)
        params = [param for statement in statements for param in statement.params]
        order = ", ".join(self._numbered_order())
        return Statement(f"{union} ORDER BY {order} LIMIT {LIMIT}", tuple(params))

    def _numbered_order(self) -> Iterator[str]:
        """Yield the order of the rows of several statements, by the numbers of the columns."""
        number = selected_width(self.compiler) + 1
        if self._numbers_stretches:
            yield str(number)
            number += 1
        for position, column in enumerate(self.keyset.columns, number):
            nulls = "" if self._numbers_stretches else NULLS[column.nulls_first]
            yield f"{position}{' DESC' if column.descending else ''}{nulls}"

    @property
    def _numbers_stretches(self) -> bool:
        """Whether the number of the stretch is selected, where no order can name its NULLs."""
        has_nulls = self.connection.features.supports_order_by_nulls_modifier
        return self._access.nulls_apart and not has_nulls

    def _compile(
        self, queryset: QuerySet[Any, Any], stretch: int = 0
    ) -> tuple[Statement | None, SQLCompiler]:
        extra: list[Expression] = list(self.keyset.expressions)
        if self._numbers_stretches:
            extra.insert(0, Value(stretch))
        return compile_select(queryset[:LIMIT], self.connection, extra=extra)


def _nulls(position: Position | None) -> tuple[bool, ...] | None:
    return None if position is None else tuple(value is None for value in position)


def _slots(position: Position | None, end: bool) -> Position | None:
    if position is None:
        return None
    return tuple(
        None if value is None else Slot(end, column) for column, value in enumerate(position)
    )
