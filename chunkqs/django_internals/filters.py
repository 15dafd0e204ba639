"""The conditions of a query, as far as Django's documentation leaves them out.

Each piece names the Django versions it was read and tested against, as in `internals`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sized
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Col, Expression
from django.db.models.lookups import Exact, In, IsNull
from django.db.models.sql.where import AND

from .expressions import is_expression
from .queries import base_alias


# Django 5.2, 6.0, 6.1: filter() writes `condition = 1` where the database lacks booleans,
# which no index helps with. What where holds is compiled as it is.
def restrict(queryset: QuerySet[Any, Any], conditions: Iterable[Expression]) -> QuerySet[Any, Any]:
    """Return a clone with only the rows for which all `conditions`, resolved ones, hold."""
    restricted = queryset.all()
    for condition in conditions:
        restricted.query.where.add(condition, AND)
    return restricted


# Django 5.2, 6.0, 6.1: the filters are in where.
def is_filtered(queryset: QuerySet[Any, Any]) -> bool:
    return bool(queryset.query.where)


# Django 5.2, 6.0, 6.1: alias_map has the base table, and the joins that are in use by refcount.
def is_whole_table(queryset: QuerySet[Any, Any]) -> bool:
    """Tell whether each row of the queryset's own table is one row of `queryset`."""
    query = queryset.query
    joined = [alias for alias in query.alias_map if query.alias_refcount[alias]]
    return not (query.where or query.distinct or query.group_by or len(joined) > 1)


# Django 5.2, 6.0, 6.1: where is a tree of lookups; those of its root, an AND that isn't
# negated, hold for all rows. The rhs of a lookup is a value, values, or an expression.
def pinned(queryset: QuerySet[Any, Any]) -> list[Col]:
    """Return the columns of the queryset's own table that are equal to one value in all rows."""
    return _columns_of(queryset, _is_exact)


def pinning_lookups(queryset: QuerySet[Any, Any]) -> list[Any]:
    """Return the lookups that pin those columns, resolved ones."""
    columns = pinned(queryset)
    lookups: list[Any] = queryset.query.where.children
    return [lookup for lookup in lookups if _is_exact(lookup) and lookup.lhs in columns]


def alike(queryset: QuerySet[Any, Any]) -> list[Col]:
    """Return the columns of the queryset's own table that are the same in all rows."""
    return _columns_of(queryset, lambda lookup: _is_exact(lookup) or _is_one(lookup))


def _columns_of(queryset: QuerySet[Any, Any], has: Callable[[Any], bool]) -> list[Col]:
    where, alias = queryset.query.where, base_alias(queryset)
    lookups: list[Any] = [] if where.negated or where.connector != AND else where.children
    columns = [lookup.lhs for lookup in lookups if has(lookup)]
    return [column for column in columns if isinstance(column, Col) and column.alias == alias]


def _is_exact(lookup: Any) -> bool:
    return isinstance(lookup, Exact) and not is_expression(lookup.rhs)


def _is_one(lookup: Any) -> bool:
    if isinstance(lookup, In):
        return isinstance(lookup.rhs, Sized) and len(lookup.rhs) == 1
    return isinstance(lookup, IsNull) and lookup.rhs is True


# Django 5.2, 6.0, 6.1: a lookup has prepared its rhs when it was made; another one of the
# same field takes it over as it is.
def as_intervals(queryset: QuerySet[Any, Any], columns: Collection[Any]) -> QuerySet[Any, Any]:
    """Return a clone in which `columns`, pinned ones, lie from their value to their value."""
    if not columns:
        return queryset
    clone = queryset.all()
    where: Any = clone.query.where
    where.children = [
        turned
        for lookup in where.children
        for turned in (
            [_turned(lookup, "gte"), _turned(lookup, "lte")]
            if _is_exact(lookup) and lookup.lhs in columns
            else [lookup]
        )
    ]
    return clone


def _turned(lookup: Any, name: str) -> Any:
    kind = lookup.lhs.output_field.get_lookup(name)
    turned = kind.__new__(kind)
    turned.__dict__.update(lookup.__dict__)
    return turned
