"""The statements of a walk by keyset, compiled once and filled in for each chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

from . import order_internals
from .errors import KeysetError
from .internals import Block, Statement, compile_select, selected_width
from .key_columns import KeyColumn
from .keyset import Keyset
from .predicates import Position, between, separately_between
from .sort_lengths import SortLength

#: Stands for the number of rows in a compiled statement; no table has as many.
LIMIT = 8_888_888_888_888_888_887
#: Databases that find their place in an index for one range, but not for several at once.
READS_RANGES_APART = {"postgresql", "sqlite"}


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
        self._templates: dict[Any, Template | None] = {}
        self._ordered = keyset.queryset
        first, self.compiler = self._compile(self._ordered)
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
        queryset = order_internals.without_lock(self.keyset.reverse().queryset)
        if not order_internals.groups(queryset) and not order_internals.is_distinct(queryset):
            queryset = queryset.values_list("pk")
        statement, _ = self._compile(queryset)
        if statement is None:
            return None
        return self._sort_length.applied(Template.of(statement).fill(None, None, 1))

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
        if after is None or self._reads_at_once():
            ranges = between(self.keyset.columns, after, until, self.connection)
            statement = self._select(ranges)
        else:
            statement = self._select_apart(after, until)
        return statement and Template.of(statement)

    def _reads_at_once(self) -> bool:
        queryset = self._ordered
        return (
            self.connection.vendor not in READS_RANGES_APART
            or order_internals.is_locking(queryset)  # not allowed with UNION
            or order_internals.is_distinct(queryset)
        )

    def _select(self, conditions: Sequence[Any]) -> Statement | None:
        return self._compile(order_internals.restrict(self._ordered, conditions))[0]

    def _select_apart(self, after: Position, until: Position | None) -> Statement | None:
        ranges = separately_between(self.keyset.columns, after, until, self.connection)
        statements = [s for conditions in ranges if (s := self._select(conditions))]
        if len(statements) < 2:
            return statements[0] if statements else None
        return self._union(statements)

    def _union(self, statements: Sequence[Statement]) -> Statement:
        wrapped = "SELECT * FROM (%s)" if self.connection.vendor == "sqlite" else "(%s)"
        first = selected_width(self.compiler) + 1
        terms = [_by_number(first + i, c) for i, c in enumerate(self.keyset.columns)]
        union = " UNION ALL ".join(wrapped.replace("%s", s.sql) for s in statements)
        params = [param for statement in statements for param in statement.params]
        return Statement(f"{union} ORDER BY {', '.join(terms)} LIMIT {LIMIT}", tuple(params))

    def _compile(self, queryset: QuerySet[Any, Any]) -> tuple[Statement | None, SQLCompiler]:
        return compile_select(queryset[:LIMIT], self.connection, extra=self.keyset.expressions)


def _nulls(position: Position | None) -> tuple[bool, ...] | None:
    return None if position is None else tuple(value is None for value in position)


def _slots(position: Position | None, end: bool) -> Position | None:
    if position is None:
        return None
    return tuple(
        None if value is None else Slot(end, column) for column, value in enumerate(position)
    )


def _by_number(number: int, column: KeyColumn) -> str:
    nulls = {None: "", True: " NULLS FIRST", False: " NULLS LAST"}[column.nulls_first]
    return f"{number}{' DESC' if column.descending else ''}{nulls}"
