"""An order as key columns: the columns of a total order, and places in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.query import RawQuerySet

from ..databases import database_of
from ..databases.null_proofs import TableColumn, ask_unknown
from ..django_internals.conditions import restrict
from ..django_internals.expressions import is_constant, unfold
from ..django_internals.ordering import (
    is_ordered_elsewhere,
    is_reversed,
    ordered_by,
    resolve_ordering,
    written_ordering,
)
from ..django_internals.queries import QueryInfo, keep_named_joins, unordered_part
from ..django_internals.routing import planning_alias
from ..errors import KeysetError
from .columns import KeyColumn, key_column, reversed_name
from .ranges_after_position import Position
from .ranges_as_sql import between
from .refusals import refusal, refuse_column, refuse_query, refuse_repeats
from .total_order import missing_columns
from .unproven_not_null import declared, disproven, with_nulls


@dataclass(frozen=True)
class Keyset:
    """The columns of a total order, and the queryset that they are an order of."""

    columns: tuple[KeyColumn, ...]
    source: QuerySet[Any, Any]
    """The caller's queryset with the joins of the order, in the order that it came with."""

    @cached_property
    def info(self) -> QueryInfo:
        """What is to be known of the source's query."""
        return QueryInfo.of(self.source)

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """A clone, ordered by exactly the total order."""
        return ordered_by(self.source, (column.order() for column in self.columns))

    @property
    def signature(self) -> str:
        """What tokens are bound to: the model, and the order."""
        ordering = ", ".join(column.signature for column in self.columns)
        return f"{self.source.model._meta.label_lower}: {ordering}"

    def reverse(self) -> Keyset:
        """Return the same order, walked from its end."""
        columns = tuple(column.reverse() for column in self.columns)
        return replace(self, columns=columns, source=self.source.reverse())

    def within(
        self, start: Position | None, end: Position | None, connection: BaseDatabaseWrapper
    ) -> Keyset:
        """Return the same order of only the rows after `start` up to and with `end`."""
        columns = self.as_known(connection).columns
        ranges = between(columns, start, end, database_of(connection))
        return replace(self, source=restrict(self.source, ranges))

    def as_known(self, connection: BaseDatabaseWrapper) -> Keyset:
        """Return the same order, with columns that can be NULL where that is known. No query."""
        return self.with_nulls(disproven(self.columns, connection))

    def as_proven(self, connection: BaseDatabaseWrapper) -> Keyset:
        """Return the same order, with columns that can have no NULL only where that is proven.

        One query of the catalogue, once a minute for a table.
        """
        ask_unknown(connection, frozenset[TableColumn]().union(*map(declared, self.columns)))
        return self.as_known(connection)

    def with_nulls(self, places: Collection[int]) -> Keyset:
        """Return the same order, with columns at some places that can be NULL."""
        return replace(self, columns=with_nulls(self.columns, places))

    @property
    def nullable(self) -> tuple[int, ...]:
        """The places of the columns that can be NULL."""
        return tuple(place for place, column in enumerate(self.columns) if column.nullable)

    def filter(
        self, start: Position | None, end: Position | None, connection: BaseDatabaseWrapper
    ) -> QuerySet[Any, Any]:
        """Return the rows after `start` up to and with `end`, as a plain QuerySet."""
        ties = [column.tie_breaker for column in self.columns if column.tie_breaker]
        if is_reversed(self.source):
            ties = [reversed_name(name) for name in ties]
        within = self.within(start, end, connection).source
        return within.order_by(*written_ordering(self.source), *ties)


def keyset_of(queryset: QuerySet[Any, Any] | RawQuerySet[Any]) -> Keyset:
    """Return the total order of `queryset`, made total by the primary key where need be.

    Runs no query and needs no live connection. Raises `KeysetError` for a query that
    has no place in an order, naming the part.
    """
    if isinstance(queryset, RawQuerySet):
        raise refusal("raw()", "no condition can be added to raw SQL")
    if part := unordered_part(queryset):
        raise refusal(part, "its rows depend on rows outside of a chunk")
    if is_ordered_elsewhere(queryset):
        kind = type(queryset.query).__name__
        raise refusal(f"the order of {kind}", "it is made by a compiler of its own")
    source = queryset.all()
    keep_named_joins(source)
    terms = resolve_ordering(source)
    info = QueryInfo.of(source)
    refuse_query(info, source.model)
    columns = _telling(column for term in terms for column in _columns_of(term, source, info))
    for column in columns:
        refuse_column(column.expression, connections[planning_alias(source)])
    refuse_repeats(info, (column.expression for column in columns))
    columns += missing_columns(columns, source, info)
    return Keyset(tuple(columns), source)


def _columns_of(term: OrderBy, source: QuerySet[Any, Any], info: QueryInfo) -> list[KeyColumn]:
    nulls_first = True if term.nulls_first else False if term.nulls_last else None
    return [
        key_column(expression, source, info, descending=term.descending, nulls_first=nulls_first)
        for expression in unfold(term.expression)
    ]


def _telling(columns: Iterable[KeyColumn]) -> list[KeyColumn]:
    """Leave out the columns that tell no rows apart: constants and repeats."""
    unique: dict[Any, KeyColumn] = {}
    for column in columns:
        if not is_constant(column.expression):
            unique.setdefault(column.expression, column)
    return list(unique.values())


__all__ = ["KeyColumn", "Keyset", "KeysetError", "Position", "keyset_of"]
