"""An ordering as key columns: the columns of a total order, and places in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import Expression, OrderBy

from ..django_internals import filters as filter_internals
from ..django_internals import queries as order_internals
from ..django_internals.compiler import unfold
from ..django_internals.routing import planning_alias
from ..errors import KeysetError
from .columns import KeyColumn, Stored, key_column
from .orderable import refuse_column, refuse_query, refuse_repeats
from .predicates import Position, between
from .total_order import missing_columns


@dataclass(frozen=True)
class Keyset:
    """The columns of a total order, and the queryset that they are an order of."""

    columns: tuple[KeyColumn, ...]
    source: QuerySet[Any, Any]
    """The caller's queryset with the joins of the order, in the order that it came with."""

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """A clone, ordered by exactly the total order."""
        return order_internals.ordered_by(self.source, (column.order() for column in self.columns))

    @property
    def expressions(self) -> list[Expression]:
        """The key columns as they are selected, for positions."""
        return [Stored(column.expression) for column in self.columns]

    @property
    def signature(self) -> str:
        """What tokens are bound to: the model, and the order."""
        ordering = ", ".join(column.description for column in self.columns)
        return f"{self.source.model._meta.label_lower}: {ordering}"

    def reverse(self) -> Keyset:
        """Return the same order, walked from its end."""
        columns = tuple(column.reverse() for column in self.columns)
        return replace(self, columns=columns, source=self.source.reverse())

    def within(
        self, start: Position | None, end: Position | None, connection: BaseDatabaseWrapper
    ) -> Keyset:
        """Return the same order of the rows behind `start` up to and with `end` alone."""
        ranges = between(self.columns, start, end, connection)
        return replace(self, source=filter_internals.restrict(self.source, ranges))

    def filter(
        self,
        start: Position | None,
        end: Position | None,
        connection: BaseDatabaseWrapper,
    ) -> QuerySet[Any, Any]:
        """Return the rows behind `start` up to and with `end`, as a plain QuerySet."""
        written = order_internals.written_ordering(self.source)
        ties = [column.tie_breaker for column in self.columns if column.tie_breaker]
        if order_internals.is_reversed(self.source):
            ties = [_turned_round(name) for name in ties]
        ranges = between(self.columns, start, end, connection)
        return filter_internals.restrict(self.source, ranges).order_by(*written, *ties)


def keyset_of(queryset: QuerySet[Any, Any]) -> Keyset:
    """Return the total order of `queryset`, made total by the primary key where need be.

    Runs no query and needs no live connection. Raises `KeysetError` for a query that
    has no place in an order, naming the part.
    """
    refuse_query(queryset)
    source = queryset.all()
    columns: list[KeyColumn] = []
    for term in order_internals.resolve_ordering(source):
        columns += _columns_of(term, source)
    columns = _without_repeats(columns)
    for column in columns:
        refuse_column(column.expression, connections[planning_alias(source)])
    refuse_repeats(source, (column.expression for column in columns))
    columns += missing_columns(columns, source)
    return Keyset(tuple(columns), source)


def _columns_of(term: OrderBy, source: QuerySet[Any, Any]) -> list[KeyColumn]:
    return [
        key_column(
            expression,
            source,
            descending=term.descending,
            nulls_first=True if term.nulls_first else False if term.nulls_last else None,
        )
        for expression in unfold(term.expression)
    ]


def _without_repeats(columns: Iterable[KeyColumn]) -> list[KeyColumn]:
    unique: dict[Any, KeyColumn] = {}
    for column in columns:
        unique.setdefault(column.expression, column)
    return list(unique.values())


def _turned_round(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


__all__ = ["KeyColumn", "Keyset", "KeysetError", "Position", "keyset_of"]
