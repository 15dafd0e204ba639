"""A key column compared with what the planner's statistics say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from .quantiles import Place

OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Bound(Expression):
    """The rows at one value of a place, or on one side of it."""

    output_field = BooleanField()

    def __init__(self, place: Place, operator: str) -> None:
        super().__init__()
        self.place = place
        self.column = place.column.expression
        self.operator = operator

    @property
    def finds_nulls(self) -> bool:
        """Whether the rows are those with NULL. No value is compared with that."""
        return self.place.step.low is None and self.operator not in ("<", ">")

    def opposite(self) -> Bound:
        """Return the condition of the other rows that have a value."""
        return Bound(self.place, OPPOSITES[self.operator])

    def get_source_expressions(self) -> list[Any]:
        return [self.column]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.column,) = exprs

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Bound:
        return self  # its column is resolved, as part of the order

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, params = compiler.compile(self.column)
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
