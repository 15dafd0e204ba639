"""`After this position` as SQL: ranges of keys as conditions of a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.answers import Scope
from ..databases.base import Database
from ..django_internals.expressions import Col, field_of
from ..django_internals.lookups import RowLookup
from .columns import KeyColumn
from .ranges_after_position import (
    Columns,
    Comparison,
    Position,
    Range,
    Segment,
    bound_of,
    ranges_after,
)
from .refusals import refuse_unsendable


class ColumnSql(NamedTuple):
    """A key column as SQL."""

    sql: str
    params: tuple[Any, ...]
    is_column: bool
    database: Database

    def steered(self) -> ColumnSql:
        """Return the column as one that no index is looked for."""
        return self._replace(sql=f"+{self.sql}")


class KeyRange(RowLookup):
    """The rows of some ranges, as a condition."""

    lookup_name = "key_range"

    def __init__(
        self,
        columns: Columns,
        position: Position,
        ranges: Sequence[Range],
        guard: Range = (),
    ) -> None:
        super().__init__([column.expression for column in columns], position)
        self.ranges = ranges
        self.guard = guard

    @property
    def position(self) -> Position:
        """The values that the columns are compared with."""
        values: Position = self.rhs
        return values

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes two conditions one, which `where` then has once."""
        return (type(self), tuple(self.expressions), self.rhs, tuple(self.ranges), self.guard)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        if not self.ranges:
            raise EmptyResultSet
        database = database_of(connection)
        refuse_unsendable(self.position, self.expressions, database)
        columns = [_column_sql(each, compiler, database) for each in self.expressions]
        guard, params = _conjunction(self.guard, columns, self.position)
        if database.prefers_or_to_order and len(self.ranges) > 1:
            columns = [column.steered() for column in columns]
        alternatives = [_conjunction(part, columns, self.position) for part in self.ranges]
        sql = " OR ".join(sql for sql, _ in alternatives)
        params += [param for _, params in alternatives for param in params]
        return (f"({guard} AND ({sql}))" if self.guard else f"({sql})"), tuple(params)


def _column_sql(expression: Any, compiler: SQLCompiler, database: Database) -> ColumnSql:
    sql, params = compiler.compile(expression)
    is_column = isinstance(expression, Col)
    if not is_column:
        sql = database.comparable(f"({sql})", field_of(expression))
    return ColumnSql(sql, tuple(params), is_column, database)


def _conjunction(
    part: Range, columns: Sequence[ColumnSql], position: Position
) -> tuple[str, list[Any]]:
    params: list[Any] = []
    for test in part:
        params += [param for index in test.columns for param in columns[index].params]
        if test.has_values:
            params += [position[index] for index in test.columns]
    return f"({' AND '.join(_written(test, columns) for test in part) or '1 = 1'})", params


def _written(test: Comparison, columns: Sequence[ColumnSql]) -> str:
    compared = [columns[index].sql for index in test.columns]
    if not test.has_values:
        _, _, is_column, database = columns[test.columns[0]]
        return database.null_test(compared[0], test.operator, is_column)
    if len(compared) == 1:
        return f"{compared[0]} {test.operator} %s"
    return f"({', '.join(compared)}) {test.operator} ({', '.join(['%s'] * len(compared))})"


class InScope(Expression):
    """That the session is still in the tenant, schema and role that a walk began in, or sorts as it
    did.

    Where it is not, there are no rows: the database looks before it reads any.
    """

    output_field = BooleanField()

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        return f"{self.scope.sql} = %s", (self.scope.value,)


def between(
    columns: Columns, start: Position | None, end: Position | None, database: Database
) -> list[KeyRange]:
    """Return the conditions of the rows after `start` up to and with `end`."""
    if not columns:
        return []
    columns = _without_needless_nulls(columns, start, end, database)
    conditions = []
    if start is not None:
        ranges = ranges_after(columns, start, database)
        bound = bound_of(columns, start, ranges, database)
        conditions.append(KeyRange(columns, start, ranges, bound))
    if end is not None:
        conditions.append(until(columns, end, database))
    return conditions


def separately_between(
    columns: Columns, start: Position, end: Position | None, database: Database
) -> list[list[KeyRange]]:
    """Return the conditions of each range after `start` by itself, the nearest first.

    The first of the columns has no NULLs: see `ranges.segments`.
    """
    ends = [] if end is None else [until(columns, end, database)]
    return [
        [KeyRange(columns, start, [part]), *ends] for part in ranges_after(columns, start, database)
    ]


def at(columns: Columns, position: Position, database: Database) -> list[KeyRange]:
    """Return the conditions of the row at `position`, by the comparisons that a walk makes."""
    back = [column.reverse() for column in columns]
    return [until(columns, position, database), until(back, position, database)]


def of_segment(segment: Segment) -> list[KeyRange]:
    """Return the conditions that set a segment apart from the rest of its order."""
    return [
        KeyRange([column], (None,), [(Comparison((0,), operator),)])
        for column, operator in segment.nulls
    ]


def until(columns: Columns, position: Position, database: Database) -> KeyRange:
    """Return the condition of the rows up to and with `position`."""
    back = [column.reverse() for column in columns]
    ranges = ranges_after(back, position, database, inclusive=True)
    return KeyRange(columns, position, ranges, bound_of(back, position, ranges, database))


def _without_needless_nulls(
    columns: Columns, start: Position | None, end: Position | None, database: Database
) -> Columns:
    """Forget that the first column can be NULL, where no row between is."""
    bound = start if columns[0].has_nulls_first(database) else end
    if bound is None or bound[0] is None:
        return columns
    first: KeyColumn = replace(columns[0], nullable=False)
    return [first, *columns[1:]]
