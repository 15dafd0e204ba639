"""A condition of several columns that code which looks through `where` takes for a lookup.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Lookup
from django.db.models.expressions import Expression

if TYPE_CHECKING:
    AnyLookup = Lookup[Any]
else:
    AnyLookup = Lookup


# Django 5.2, 6.0, 6.1: `where` holds lookups and nodes of them. Who looks through it (a cache
# that wants to know what a query is about) asks a lookup for lhs, rhs and lookup_name, and
# takes everything else for a node. What Lookup itself does with its one lhs is Expression's
# again here, for several.
class RowLookup(AnyLookup):
    """Compares several resolved columns with as many values."""

    def __init__(self, expressions: Sequence[Any], values: tuple[Any, ...]) -> None:
        self.set_source_expressions(expressions)
        self.rhs = values
        self.bilateral_transforms = []

    def get_source_expressions(self) -> list[Any]:
        return self.expressions

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.expressions = list(exprs)
        self.lhs = self.expressions[0]

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Self:
        return self  # its columns are resolved, as part of the order

    relabeled_clone = Expression.relabeled_clone
    get_group_by_cols = Expression.get_group_by_cols
    contains_aggregate = Expression.contains_aggregate
    contains_over_clause = Expression.contains_over_clause
