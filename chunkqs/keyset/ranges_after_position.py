"""Which rows come after a position: ranges of keys.

Of the order (a, b), the rows after (1, 2) are `a = 1 AND b > 2` and `a > 1`, from the nearest to
the farthest. Where the database looks up whole rows in an index, columns of one direction are
compared as one: `(a, b) > (1, 2)`. No two ranges share a row.

NULLs are ranges of their own: an index has them on one side, and no comparison finds them. The
rows with a NULL in the first column are a segment of the order, those without are the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

from ..databases.base import Database
from ..django_internals.expressions import Col, aliases
from .columns import KeyColumn

#: A place in an order: what the database gave for each key column, as the driver had it.
Position = tuple[Any, ...]
Columns = Sequence[KeyColumn]

IS_NULL, IS_NOT_NULL = "IS NULL", "IS NOT NULL"


class Comparison(NamedTuple):
    """One comparison of some columns with their values in the position."""

    columns: tuple[int, ...]
    operator: str

    @property
    def has_values(self) -> bool:
        """Whether it compares with values, not with NULL."""
        return self.operator not in (IS_NULL, IS_NOT_NULL)


#: Comparisons that all hold.
Range = tuple[Comparison, ...]


class Segment(NamedTuple):
    """Rows that lie together in an order, and the part of them that is asked for."""

    columns: Columns
    """The order within, whose first column has no NULLs. None where all are the same."""
    start: Position | None
    end: Position | None
    nulls: tuple[tuple[KeyColumn, str], ...] = ()
    """The columns whose NULLs set the segment apart: each `IS NULL` or `IS NOT NULL`."""


def segments(whole: Segment, database: Database) -> Iterator[Segment]:
    """Divide the part of an order that is asked for by NULLs, the nearest segment first."""
    if not whole.columns:
        if whole.start is None:  # nothing is after the one place that there is
            yield whole
        return
    first, *rest = whole.columns
    if not first.nullable:
        yield whole
        return
    nulls_first = first.has_nulls_first(database)
    for nulls in (nulls_first, not nulls_first):
        if _is_needed(whole, nulls, nearer=nulls == nulls_first):
            condition = (first, IS_NULL if nulls else IS_NOT_NULL)
            part = Segment(
                rest if nulls else [replace(first, nullable=False), *rest],
                _within(whole.start, nulls),
                _within(whole.end, nulls),
                (*whole.nulls, condition),
            )
            yield from segments(part, database)


def _is_needed(whole: Segment, nulls: bool, *, nearer: bool) -> bool:
    """Return whether any of a segment lies after the start and not after the end."""
    bound = whole.start if nearer else whole.end
    return bound is None or (bound[0] is None) == nulls


def _within(position: Position | None, nulls: bool) -> Position | None:
    """Return where a position lies in a segment; None if it lies in the other one."""
    if position is None or (position[0] is None) != nulls:
        return None
    return position[1:] if nulls else position


def ranges_after(
    columns: Columns, position: Position, database: Database, *, inclusive: bool = False
) -> list[Range]:
    """Return the ranges after `position`, the nearest first; with it if `inclusive`."""
    groups: list[tuple[int, ...]] = [(index,) for index in range(len(columns))]
    if database.compares_rows:
        # The end of a walk is compared with each row, not looked up in an index.
        alone = None if inclusive else _rowid(columns, database)
        groups = list(_groups(columns, position, alone))
    ranges: list[Range] = []
    for number, group in reversed(list(enumerate(groups))):
        same = tuple(_same(index, position) for index in range(group[0]))
        ends = inclusive and number == len(groups) - 1
        nulls_first = columns[group[0]].has_nulls_first(database)
        for beyond in _beyond(group, columns[group[0]], position, nulls_first, ends):
            ranges.append((*same, *_bound(beyond, columns, database), beyond))
    return ranges


def bound_of(
    columns: Columns, position: Position, ranges: Sequence[Range], database: Database
) -> Range:
    """Return a bound on the first column, where the database finds none in the ranges."""
    column, nulls_first = columns[0], columns[0].has_nulls_first(database)
    if len(ranges) == 1:
        return ()
    if position[0] is None:
        return () if nulls_first else (Comparison((0,), IS_NULL),)
    if column.nullable and not nulls_first:
        return ()
    return (Comparison((0,), "<=" if column.descending else ">="),)


def _bound(beyond: Comparison, columns: Columns, database: Database) -> Range:
    """Return a bound on the first of the columns that are compared as one.

    Of columns of several tables, a row comparison is no condition of either table: the bound is,
    on those of the first one.
    """
    first = beyond.columns[0]
    operator = "<=" if columns[first].descending else ">="
    tables = [aliases(columns[place].expression) for place in beyond.columns]
    if len(tables[0]) == 1 and any(one != tables[0] for one in tables):
        own = takewhile(lambda pair: pair[1] == tables[0], zip(beyond.columns, tables, strict=True))
        return (Comparison(tuple(place for place, _ in own), operator),)
    if len(tables) == 1 or isinstance(columns[first].expression, Col):
        return ()
    return (Comparison((first,), operator),) if database.bounds_compared_expressions else ()


def _groups(columns: Columns, position: Position, alone: int | None) -> Iterator[tuple[int, ...]]:
    """Split the columns into such as can be compared as one row."""
    group: list[int] = []
    for index, column in enumerate(columns):
        joins = group and _joins(column, columns[group[0]], position[index], position[group[0]])
        if group and (not joins or index == alone):
            yield tuple(group)
            group = []
        group.append(index)
    yield tuple(group)


def _joins(column: KeyColumn, first: KeyColumn, value: Any, first_value: Any) -> bool:
    return (
        column.descending == first.descending
        and not column.nullable
        and value is not None
        and first_value is not None
    )


def _rowid(columns: Columns, database: Database) -> int | None:
    """Return which column, if any, is the row number that must be compared by itself."""
    if not database.compares_rowid_alone:
        return None
    for index, column in enumerate(columns):
        field: Any = getattr(column.expression, "target", None)
        is_key = field is not None and field.primary_key
        if is_key and field.db_type(database.connection) == "integer":
            return index
    return None


def _same(index: int, position: Position) -> Comparison:
    return Comparison((index,), IS_NULL if position[index] is None else "=")


def _beyond(
    group: tuple[int, ...], column: KeyColumn, position: Position, nulls_first: bool, ends: bool
) -> Iterator[Comparison]:
    first = group[:1]
    if position[group[0]] is None:
        if ends:
            yield Comparison(first, IS_NULL)
        if nulls_first:
            yield Comparison(first, IS_NOT_NULL)
        return
    yield Comparison(group, ("<" if column.descending else ">") + ("=" if ends else ""))
    if column.nullable and not nulls_first:
        yield Comparison(first, IS_NULL)
