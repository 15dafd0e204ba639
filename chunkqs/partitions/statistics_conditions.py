"""A key column compared with what the planner's statistics say of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.distribution import Step
from .statistics_quantiles import Place

OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Bound(Func):
    """The rows at one value of a place, or on one side of it."""

    template = "%(expressions)s"
    arity = 1

    def __init__(self, place: Place, operator: str) -> None:
        super().__init__(place.column.expression, output_field=BooleanField())
        self.place = place
        self.operator = operator

    @property
    def finds_nulls(self) -> bool:
        """Whether the rows are those with NULL. No value is compared with that."""
        return self.place.step.low is None and self.operator not in ("<", ">")

    def opposite(self) -> Bound:
        """Return the condition of the other rows that have a value."""
        return Bound(self.place, OPPOSITES[self.operator])

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Bound:
        return self  # its column is resolved, as part of the order

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        column, params = super().as_sql(compiler, connection, *args, **context)
        _, kind, step, _ = self.place
        if step.low is None:
            return f"{column} IS {'' if self.finds_nulls else 'NOT '}NULL", tuple(params)
        value, values = database_of(connection).value_in_step(kind, step, self.place.share)
        return f"{column} {self.operator} {value}", (*params, *values)


def at(place: Place) -> Bound:
    """Return the condition of the rows that have the one value of the place."""
    return Bound(place, "=")


def until(place: Place) -> Bound:
    """Return the condition of the rows up to and with the place."""
    return Bound(place, ">=" if place.column.descending else "<=")


def before(place: Place) -> Bound:
    """Return the condition of the rows before the place."""
    return Bound(place, ">" if place.column.descending else "<")


def earlier_rows(place: Place, connection: BaseDatabaseWrapper) -> Iterator[Bound]:
    """Yield the conditions of the rows before a place of one value: the nearest, then others."""
    nulls_first = place.column.has_nulls_first(database_of(connection))
    if place.step.low is not None or not nulls_first:
        yield before(place)
    if place.step.low is not None and nulls_first and place.column.nullable:
        yield at(place._replace(step=Step(None, None, 0.0)))
