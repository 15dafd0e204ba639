"""What makes an order total: a unique set of columns among it, or the primary key added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import BaseConstraint, Field, Model, QuerySet, UniqueConstraint
from django.db.models.expressions import Col

from ..django_internals import queries as order_internals
from .columns import KeyColumn, key_column


def missing_columns(columns: Sequence[KeyColumn], source: QuerySet[Any, Any]) -> list[KeyColumn]:
    """Return the columns that the order of `source` needs behind it to be total.

    They go in the direction of the order's last column, so that an order of one
    direction stays one.
    """
    descending = columns[-1].descending if columns else order_internals.is_reversed(source)
    missing = [] if _is_total(columns, source) else _primary_key(source, descending)
    if not order_internals.groups(source) and not order_internals.is_distinct(source):
        missing += _to_many_keys(source, descending)
    present = {column.expression for column in columns}
    return [column for column in missing if column.expression not in present]


def _primary_key(source: QuerySet[Any, Any], descending: bool) -> list[KeyColumn]:
    alias = order_internals.base_alias(source)
    return [
        key_column(
            field.get_col(alias),
            source,
            descending=descending,
            tie_breaker=f"-{field.attname}" if descending else field.attname,
        )
        for field in source.model._meta.pk_fields
    ]


def _to_many_keys(source: QuerySet[Any, Any], descending: bool) -> list[KeyColumn]:
    """Tell apart the rows that a to-many join makes of one: by the keys of the joined."""
    return [
        key_column(field.get_col(alias), source, descending=descending)
        for alias, model in order_internals.to_many_joins(source).items()
        for field in model._meta.pk_fields
    ]


def _is_total(columns: Sequence[KeyColumn], source: QuerySet[Any, Any]) -> bool:
    alias = order_internals.base_alias(source)
    ordered = {
        column.expression.target
        for column in columns
        if isinstance(column.expression, Col) and column.expression.alias == alias
    }
    return any(unique <= ordered for unique in _unique_sets(source.model))


def _unique_sets(model: type[Model]) -> Iterator[set[Field[Any, Any]]]:
    options = model._meta
    yield set(options.pk_fields)
    for field in options.local_concrete_fields:
        if field.unique and not field.null:
            yield {field}
    for names in [*options.unique_together, *_constrained(options.constraints)]:
        fields: set[Any] = {options.get_field(name) for name in names}
        if not any(field.null for field in fields):
            yield fields


def _constrained(constraints: Iterable[BaseConstraint]) -> Iterator[Sequence[str]]:
    """Name the fields of each constraint that holds for all rows, at all times."""
    for constraint in constraints:
        if not isinstance(constraint, UniqueConstraint):
            continue
        if constraint.condition is None and constraint.deferrable is None and constraint.fields:
            yield constraint.fields
