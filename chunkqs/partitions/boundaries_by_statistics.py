"""Boundaries by the planner's statistics: no scan, at any size of table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.expressions import OrderBy

from ..databases import database_of
from ..databases.estimates import estimate
from ..django_internals.compiler import Statement, compile_select
from ..django_internals.conditions import pinning_lookups, restrict
from ..django_internals.expressions import own_field
from ..django_internals.ordering import ordered_by
from ..django_internals.queries import is_whole_table, without_lock
from ..errors import KeysetError
from ..keyset.keyset import Keyset, Position, keyset_of
from ..keyset.query import KeysetQuery
from ..keyset.ranges_as_sql import between
from .boundaries_by_index import Boundary
from .statistics_conditions import Bound, at, before, earlier_rows, until
from .statistics_quantiles import Place, Quantiles
from .uneven_ranges import Weight, cuts, rows_between, weights

#: In tables of fewer rows the exact boundaries are found as fast.
FEW_ROWS = 20_000
#: Boundaries that one statement looks up.
AT_ONCE = 200


def planned(keyset: Keyset, connection: BaseDatabaseWrapper, parts: int) -> list[Boundary] | None:
    """Return the boundaries of at most so many partitions of about equal rows.

    None where the planner knows too little: of other databases, expressions, columns of other
    tables, a table that was never analyzed, or is small.
    """
    table = table_keyset(keyset)
    if table is None:
        return None
    table = table.with_nulls(keyset.nullable)
    pinned = keyset.info.pinned
    free = [column for column in table.columns if column.expression not in pinned]
    base = table.info.base_alias
    fields = [own_field(column.expression, base) for column in free]
    names = [str(field.column) for field in fields]
    known = database_of(connection).distributions(keyset.source.model._meta.db_table, names)
    if not known or known[0].rows < FEW_ROWS:
        return None
    planner = Planner(keyset, table, Quantiles(free, known, database_of(connection)), connection)
    return planner.boundaries(parts)


def table_keyset(keyset: Keyset) -> Keyset | None:
    """Return the same order of the whole table; None where it is not one of the table's own."""
    base = keyset.info.base_alias
    terms = []
    for column in keyset.columns:
        field = own_field(column.expression, base)
        if field is None:
            return None
        nulls_last = None if column.nulls_first is None else not column.nulls_first or None
        terms.append(
            OrderBy(
                F(field.attname),
                descending=column.descending,
                nulls_first=column.nulls_first or None,
                nulls_last=nulls_last,
            )
        )
    rows = keyset.source.model._base_manager.using(keyset.source.db).order_by(*terms)
    try:
        table = keyset_of(rows)
    except KeysetError:
        return None
    return table if table.signature == keyset.signature else None


class Planner:
    """Divides the rows of a keyset by what is known of its table."""

    def __init__(
        self,
        keyset: Keyset,
        table: Keyset,
        quantiles: Quantiles,
        connection: BaseDatabaseWrapper,
    ) -> None:
        self._connection = connection
        self._rows = without_lock(keyset.source).order_by()
        self._query = KeysetQuery(table, connection).keys
        self._pinned = pinning_lookups(keyset.source)
        self._quantiles = quantiles
        self._estimates: dict[Any, int] = {}

    def boundaries(self, parts: int) -> list[Boundary]:
        """Return the boundaries, fewer where two of them fall on one row."""
        found = self._weights(parts)
        shares = list(cuts(found, parts))
        positions: list[Position | None] = []
        limits = [0.0]
        for number, position in self._last_rows(shares):
            if not positions or position != positions[-1]:
                positions.append(position)
                limits.append(shares[number])
        return [
            Boundary(position, round(rows_between(found, start, end)))
            for position, (start, end) in zip(
                [*positions, None], pairwise([*limits, 1.0]), strict=True
            )
        ]

    def _weights(self, parts: int) -> list[Weight]:
        if is_whole_table(self._rows):
            return [Weight(0.0, 1.0, self._estimate([]))]
        return weights(self._rows_until, parts, self._quantiles.edges(1 / (4 * parts)))

    def _rows_until(self, share: float) -> float:
        """Estimate the rows before a share, by the value of the first column there."""
        place = self._quantiles.places(share)[0]
        nulls_first = self._quantiles.nulls_first
        if place.step.low is None:
            others = 0 if nulls_first else self._estimate([]) - self._nulls
            return others + place.portion * self._nulls
        before_it = self._nulls if nulls_first else 0
        if not place.step.is_one:
            return before_it + self._values(until(place))
        lower, upper = self._values(before(place)), self._values(until(place))
        return before_it + lower + place.portion * (upper - lower)

    def _values(self, bound: Bound) -> int:
        """Estimate the rows from the first value to a bound.

        Of rows that contradict a filter the planner expects some by default: as many as it does
        of those before the first value, of which there are none. Those on the other side of the
        bound it knows then.
        """
        rows = self._estimate([bound])
        if rows > self._estimate([before(self._quantiles.first_value)]):
            return rows
        return max(0, self._estimate([]) - self._nulls - self._estimate([bound.opposite()]))

    @cached_property
    def _nulls(self) -> int:
        """How many rows have NULL in the first column: those that no comparison finds.

        What a filter on the column leaves of them, the planner knows only so.
        """
        if not self._quantiles.has_nulls:
            return 0
        values = self._estimate([until(self._quantiles.last_value)])
        return max(0, self._estimate([]) - values)

    def _estimate(self, bounds: Sequence[Bound]) -> int:
        key = tuple((bound.operator, bound.place.step, bound.place.share) for bound in bounds)
        if key not in self._estimates:
            rows = restrict(self._rows, bounds)
            self._estimates[key] = estimate(rows, self._connection)
        return self._estimates[key]

    def _last_rows(self, shares: Sequence[float]) -> Iterator[tuple[int, Position]]:
        """Yield the number of each share with the position of the last row in it, in order.

        The database sorts what one statement finds, a further statement goes on after what the
        one before has found: the positions ascend, whatever the statistics say.
        """
        latest: Position | None = None
        for first in range(0, len(shares), AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, len(shares)))
            for number, position in self._look_up(numbers, shares, latest):
                yield number, position
                latest = position

    def _look_up(
        self, numbers: range, shares: Sequence[float], start: Position | None
    ) -> list[tuple[int, Position]]:
        parts: list[str] = []
        params: list[Any] = []
        for number in numbers:
            for attempt, bounds in enumerate(self._bounds(self._quantiles.places(shares[number]))):
                statement = self._probe(bounds, start)
                parts.append(f"SELECT {number}, {attempt}, probe.* FROM ({statement.sql}) AS probe")
                params += statement.params
        united = Statement(" UNION ALL ".join(parts), tuple(params))
        statement = self._query.in_order(united, before=2)
        with self._connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.params)
            if self._query.learn_types(self._query.database.column_types(cursor)[2:]):
                return self._look_up(numbers, shares, start)
            found = cursor.fetchall()
        if self._query.learn_length([row[2:] for row in found]):
            return self._look_up(numbers, shares, start)
        nearest: dict[int, int] = {}
        for number, attempt, *_ in found:
            nearest[number] = min(attempt, nearest.get(number, attempt))
        positions = [
            self._query.position(row)
            for number, attempt, *row in found
            if nearest[number] == attempt
        ]
        # Shares of values that lie otherwise than the planner believes may not ascend.
        return list(zip(sorted(nearest), positions, strict=True))

    def _bounds(self, places: Sequence[Place]) -> Iterator[list[Bound]]:
        """Yield the conditions of the rows up to the last place, and of those before each value
        that the places lie in, should it have no rows up to there."""
        yield [*map(at, places[:-1]), until(places[-1])]
        for depth in range(len(places) - 1, 0, -1):
            for earlier in earlier_rows(places[depth - 1], self._connection):
                yield [*map(at, places[: depth - 1]), earlier]

    def _probe(self, bounds: Sequence[Bound], start: Position | None) -> Statement:
        """Write the query for the last row within the bounds: one look into an index that fits
        the order."""
        columns = list(self._query.keyset.columns)
        later = [] if start is None else between(columns, start, None, self._query.database)
        values = [bound.place.column for bound in bounds if not bound.finds_nulls]
        order = (replace(c, nullable=c.nullable and c not in values) for c in columns)
        source = self._query.keyset.source
        ordered = ordered_by(source, (c.reverse().order() for c in order))
        probe = restrict(ordered, [*self._pinned, *bounds, *later])[:1]
        statement = compile_select(probe, self._connection, self._query.sortable).statement
        assert statement is not None  # nothing in it could be known to have no rows
        return statement
