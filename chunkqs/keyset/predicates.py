"""`After this position` as SQL, per database.

The rows behind a position are one or more *ranges*. Of the order (a, b), behind (1, 2),
they are `a = 1 AND b > 2` and `a > 1`, from the nearest to the farthest. Where the
database can compare whole rows, columns of one direction are compared as one:
`(a, b) > (1, 2)`. NULLs are ranges of their own: where they come last, `a IS NULL` lies
behind `a > 1`. No two ranges share a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import Col, Expression
from django.db.models.sql.compiler import SQLCompiler

from ..django_internals import expressions as expression_internals
from .columns import KeyColumn

#: A place in an order: what the database gave for each key column, as the driver had it.
Position = tuple[Any, ...]
Columns = Sequence[KeyColumn]

#: Databases that use an index for `(a, b) > (1, 2)`.
COMPARES_ROWS = {"postgresql", "sqlite"}


class Compiled(NamedTuple):
    """A key column as SQL, and what a value to compare it with is written as."""

    sql: str
    params: tuple[Any, ...]
    placeholder: str = "%s"


class Comparison(NamedTuple):
    """One comparison of some columns with their values in the position."""

    columns: tuple[int, ...]
    operator: str

    def sql(self, columns: Sequence[Compiled]) -> str:
        compared = [columns[index].sql for index in self.columns]
        if self.operator.startswith("IS"):
            return f"{compared[0]} {self.operator}"
        values = [columns[index].placeholder for index in self.columns]
        if len(compared) == 1:
            return f"{compared[0]} {self.operator} {values[0]}"
        return f"({', '.join(compared)}) {self.operator} ({', '.join(values)})"

    def values(self, position: Position) -> list[Any]:
        return [] if self.operator.startswith("IS") else [position[i] for i in self.columns]


#: Comparisons that all hold.
Range = tuple[Comparison, ...]


class KeyRange(Expression):
    """The rows of some ranges, as a condition."""

    output_field = BooleanField()

    def __init__(
        self,
        columns: Columns,
        position: Position,
        ranges: Sequence[Range],
        guard: Range = (),
    ) -> None:
        super().__init__()
        self.expressions = [column.expression for column in columns]
        self.position = position
        self.ranges = ranges
        self.guard = guard

    def get_source_expressions(self) -> list[Any]:
        return self.expressions

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.expressions = list(exprs)

    def resolve_expression(self, *args: Any, **kwargs: Any) -> KeyRange:
        return self  # its columns are resolved, as part of the order

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        if not self.ranges:
            raise EmptyResultSet
        compiled = [_compiled(expression, compiler) for expression in self.expressions]
        # SQLite would rather follow such an OR than the index that the rows are ordered by.
        unindexed = connection.vendor == "sqlite" and len(self.ranges) > 1
        columns = [one._replace(sql=f"+{one.sql}") for one in compiled] if unindexed else compiled
        alternatives = [_conjunction(part, columns, self.position) for part in self.ranges]
        sql = " OR ".join(sql for sql, _ in alternatives)
        params = [param for _, params in alternatives for param in params]
        if self.guard:
            guard, guard_params = _conjunction(self.guard, compiled, self.position)
            return f"({guard} AND ({sql}))", (*guard_params, *params)
        return f"({sql})", tuple(params)


def _compiled(expression: Any, compiler: SQLCompiler) -> Compiled:
    sql, params = compiler.compile(expression)
    sql = sql if isinstance(expression, Col) else f"({sql})"
    field = expression_internals.field_of(expression)
    db_type = field.db_type(compiler.connection) if field is not None else None
    # psycopg2 writes an array without its type, which the server guesses by the first value.
    is_array = compiler.connection.vendor == "postgresql" and (db_type or "").endswith("[]")
    return Compiled(sql, tuple(params), f"%s::{db_type}" if is_array else "%s")


def _conjunction(
    part: Range, columns: Sequence[Compiled], position: Position
) -> tuple[str, list[Any]]:
    params: list[Any] = []
    for test in part:
        params += [param for index in test.columns for param in columns[index].params]
        params += test.values(position)
    return f"({' AND '.join(test.sql(columns) for test in part) or '1 = 1'})", params


def between(
    columns: Columns,
    start: Position | None,
    end: Position | None,
    connection: BaseDatabaseWrapper,
) -> list[KeyRange]:
    """Return the conditions of the rows behind `start`, and not behind `end`."""
    columns = _without_needless_nulls(columns, start, end, connection)
    conditions = []
    if start is not None:
        conditions.append(_after(columns, start, connection))
    if end is not None:
        conditions.append(_until(columns, end, connection))
    return conditions


def separately_between(
    columns: Columns,
    start: Position,
    end: Position | None,
    connection: BaseDatabaseWrapper,
) -> list[list[KeyRange]]:
    """Return the conditions of each range behind `start` by itself, the nearest first.

    The first of the columns has no NULLs: see `stretches`.
    """
    until = [] if end is None else [_until(columns, end, connection)]
    return [
        [KeyRange(columns, start, [part]), *until]
        for part in ranges_after(columns, start, connection)
    ]


def _after(columns: Columns, position: Position, connection: BaseDatabaseWrapper) -> KeyRange:
    ranges = ranges_after(columns, position, connection)
    return KeyRange(columns, position, ranges, _guard(columns, position, ranges, connection))


def _until(columns: Columns, position: Position, connection: BaseDatabaseWrapper) -> KeyRange:
    back = [column.reverse() for column in columns]
    ranges = ranges_after(back, position, connection, inclusive=True)
    return KeyRange(columns, position, ranges, _guard(back, position, ranges, connection))


def _without_needless_nulls(
    columns: Columns,
    start: Position | None,
    end: Position | None,
    connection: BaseDatabaseWrapper,
) -> Columns:
    """Forget that the first column can be NULL, where no row between is."""
    bound = start if columns[0].has_nulls_first(connection) else end
    if bound is None or bound[0] is None:
        return columns
    return [replace(columns[0], nullable=False), *columns[1:]]


def ranges_after(
    columns: Columns,
    position: Position,
    connection: BaseDatabaseWrapper,
    *,
    inclusive: bool = False,
) -> list[Range]:
    """Return the ranges behind `position`, the nearest first; with it if `inclusive`."""
    runs: list[tuple[int, ...]] = [(index,) for index in range(len(columns))]
    if connection.vendor in COMPARES_ROWS:
        # How far a walk still goes is no place in an index.
        alone = None if inclusive or connection.vendor != "sqlite" else _rowid(columns, connection)
        runs = list(_runs(columns, position, alone))
    ranges: list[Range] = []
    for number, run in reversed(list(enumerate(runs))):
        same = tuple(_same(index, position) for index in range(run[0]))
        ends = inclusive and number == len(runs) - 1
        nulls_first = columns[run[0]].has_nulls_first(connection)
        for beyond in _beyond(run, columns[run[0]], position, nulls_first, ends):
            ranges.append((*same, *_bound(beyond, columns, connection), beyond))
    return ranges


def _bound(beyond: Comparison, columns: Columns, connection: BaseDatabaseWrapper) -> Range:
    """Return a bound on the first of the columns that are compared as one.

    SQLite finds no index on an expression for the comparison itself.
    """
    first = beyond.columns[0]
    if len(beyond.columns) == 1 or isinstance(columns[first].expression, Col):
        return ()
    if connection.vendor != "sqlite":
        return ()
    return (Comparison((first,), "<=" if columns[first].descending else ">="),)


def _runs(columns: Columns, position: Position, alone: int | None) -> Iterator[tuple[int, ...]]:
    """Split the columns into such as can be compared as one row."""
    run: list[int] = []
    for index, column in enumerate(columns):
        joins = run and _joins(column, columns[run[0]], position[index], position[run[0]])
        if run and (not joins or index == alone):
            yield tuple(run)
            run = []
        run.append(index)
    yield tuple(run)


def _joins(column: KeyColumn, first: KeyColumn, value: Any, first_value: Any) -> bool:
    return (
        column.descending == first.descending
        and not column.nullable
        and value is not None
        and first_value is not None
    )


def _rowid(columns: Columns, connection: BaseDatabaseWrapper) -> int | None:
    """Return which column, if any, SQLite has for the row's own number.

    It does not find that in an index when rows are compared, and would look at all rows
    that have the other columns in common.
    """
    for index, column in enumerate(columns):
        field = getattr(column.expression, "target", None)
        if field is not None and field.primary_key and field.db_type(connection) == "integer":
            return index
    return None


def _same(index: int, position: Position) -> Comparison:
    return Comparison((index,), "IS NULL" if position[index] is None else "=")


def _beyond(
    run: tuple[int, ...], column: KeyColumn, position: Position, nulls_first: bool, ends: bool
) -> Iterator[Comparison]:
    first = run[:1]
    if position[run[0]] is None:
        if ends:
            yield Comparison(first, "IS NULL")
        if nulls_first:
            yield Comparison(first, "IS NOT NULL")
        return
    yield Comparison(run, ("<" if column.descending else ">") + ("=" if ends else ""))
    if column.nullable and not nulls_first:
        yield Comparison(first, "IS NULL")


def _guard(
    columns: Columns,
    position: Position,
    ranges: Sequence[Range],
    connection: BaseDatabaseWrapper,
) -> Range:
    """Return a bound on the first column, where the database finds none in the ranges."""
    column, nulls_first = columns[0], columns[0].has_nulls_first(connection)
    if len(ranges) == 1:
        return ()
    if position[0] is None:
        return () if nulls_first else (Comparison((0,), "IS NULL"),)
    if column.nullable and not nulls_first:
        return ()
    return (Comparison((0,), "<=" if column.descending else ">="),)
