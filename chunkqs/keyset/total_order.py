"""What makes an order total: a unique set of columns in it, or the primary key, which is added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import BaseConstraint, Field, Model, QuerySet, UniqueConstraint

from ..django_internals.expressions import Col
from ..django_internals.ordering import is_reversed
from ..django_internals.queries import QueryInfo
from .columns import KeyColumn, key_column


def missing_columns(
    columns: Sequence[KeyColumn], source: QuerySet[Any, Any], info: QueryInfo
) -> list[KeyColumn]:
    """Return the columns to add to the order of `source` to make it total.

    They go in the direction of the order's last column, so that an order of one
    direction stays one.
    """
    descending = columns[-1].descending if columns else is_reversed(source)
    missing: list[KeyColumn] = []
    if not _is_total(columns, source.model, info):
        missing += _primary_key(source, info, descending)
    if info.repeats_rows:
        missing += _to_many_keys(source, info, descending)
    present = {column.expression for column in columns}
    return [column for column in missing if column.expression not in present]


def _primary_key(source: QuerySet[Any, Any], info: QueryInfo, descending: bool) -> list[KeyColumn]:
    return [
        key_column(
            field.get_col(info.base_alias),
            source,
            info,
            descending=descending,
            tie_breaker=f"-{field.attname}" if descending else field.attname,
        )
        for field in source.model._meta.pk_fields
    ]


def _to_many_keys(source: QuerySet[Any, Any], info: QueryInfo, descending: bool) -> list[KeyColumn]:
    """Return the keys of the joined rows: a to-many join makes several rows of one."""
    return [
        key_column(field.get_col(alias), source, info, descending=descending)
        for alias, model in info.to_many_joins.items()
        for field in model._meta.pk_fields
    ]


def _is_total(columns: Sequence[KeyColumn], model: type[Model], info: QueryInfo) -> bool:
    ordered = {
        column.expression.target
        for column in columns
        if isinstance(column.expression, Col) and column.expression.alias == info.base_alias
    }
    return any(unique <= ordered for unique in _unique_sets(model))


def _unique_sets(model: type[Model]) -> Iterator[set[Field[Any, Any]]]:
    options = model._meta
    yield set(options.pk_fields)
    if not options.managed:
        return  # what such a model declares, nobody has made
    for field in options.local_concrete_fields:
        if field.unique and not field.null:
            yield {field}
    for names in [*options.unique_together, *_constrained(options.constraints)]:
        fields: set[Any] = {options.get_field(name) for name in names}
        if not any(field.null for field in fields):
            yield fields


def _constrained(constraints: Iterable[BaseConstraint]) -> Iterator[Sequence[str]]:
    """Yield the fields of each constraint that holds for all rows, at all times."""
    for constraint in constraints:
        if not isinstance(constraint, UniqueConstraint):
            continue
        if constraint.condition is None and constraint.deferrable is None and constraint.fields:
            yield constraint.fields
