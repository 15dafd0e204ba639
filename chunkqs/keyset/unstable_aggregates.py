"""Aggregates as key columns: which have the same value in each query.

A sum of floats depends on the order in which they are added, by its last digits, and a text or an
array on the order in which it is put together. That is for the plan to choose, and two queries of
one walk may have different plans: a row's position would not be where the row is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import (
    Aggregate,
    BooleanField,
    Count,
    DecimalField,
    DurationField,
    FloatField,
    IntegerField,
    Max,
    Min,
    StdDev,
    Variance,
)

from ..databases.base import Database
from ..django_internals.expressions import field_of, flattened, query_of, selected_by

#: One of the values, or how many there are.
PICKS = (Count, Max, Min)
DEVIATIONS = (StdDev, Variance)
#: Fields of values that add up to the same in any order.
EXACT = (BooleanField, DurationField, IntegerField)
NUMBERS = (*EXACT, DecimalField, FloatField)


def is_gathered(expression: Any) -> bool:
    """Return whether an expression is an aggregate whose value is made of all the values."""
    return isinstance(expression, Aggregate) and not isinstance(expression, PICKS)


def gathered(expression: Any) -> Iterator[Any]:
    """Yield the aggregates of that kind in an expression and in its queries."""
    for part in flattened(expression):
        if is_gathered(part):
            yield part
        query = query_of(part)
        for selected in selected_by(query) if query is not None else ():
            yield from gathered(selected)


def depends_on_order(aggregate: Any, database: Database) -> bool:
    """Return whether the value may be another one where the rows come in another order."""
    if isinstance(aggregate, DEVIATIONS) and not database.deviates_exactly:
        return True
    exact = (*EXACT, DecimalField) if database.adds_decimals_exactly else EXACT
    arguments = [_field(argument) for argument in aggregate.source_expressions]
    return not (
        len(arguments) == 1
        and isinstance(arguments[0], exact)
        and isinstance(_field(aggregate), NUMBERS)
    )


def _field(expression: Any) -> Any:
    field = field_of(expression)
    return getattr(field, "target_field", field)
