"""The conditions of queries, as far as Django's documentation leaves them out.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sized
from typing import Any

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import Col, Expression, RawSQL
from django.db.models.lookups import Exact, In, IsNull
from django.db.models.sql.where import AND

from .expressions import is_expression

#: Lookups that leave a range of a column.
RANGES = {"gt", "gte", "lt", "lte", "range", "startswith"}


# Django 5.2, 6.0, 6.1: where is a tree of lookups; those of its root, an AND that isn't
# negated, hold for all rows. The rhs of a lookup is a value, values, or an expression.
def own_lookups(query: Any) -> list[Any]:
    """Return the lookups of a query's own columns that hold for all rows."""
    base_alias = query.get_initial_alias()
    where = query.where
    lookups = [] if where.negated or where.connector != AND else where.children
    return [
        lookup
        for lookup in lookups
        if isinstance(getattr(lookup, "lhs", None), Col) and lookup.lhs.alias == base_alias
    ]


def is_exact(lookup: Any) -> bool:
    """Return whether a lookup makes its column equal to a value."""
    # What another than Django calls exact may be no equality.
    is_equality = isinstance(lookup, Exact) and type(lookup).__module__.startswith("django.")
    return is_equality and not is_expression(lookup.rhs)


def is_one(lookup: Any) -> bool:
    """Return whether another lookup leaves one value of its column, or NULL alone."""
    if isinstance(lookup, In):
        return isinstance(lookup.rhs, Sized) and len(lookup.rhs) == 1
    return isinstance(lookup, IsNull) and lookup.rhs is True


def pinning_lookups(queryset: QuerySet[Any, Any]) -> list[Any]:
    """Return the lookups that make own columns equal to one value in all rows."""
    return [lookup for lookup in own_lookups(queryset.query) if is_exact(lookup)]


# Django 5.2, 6.0, 6.1: filter() writes `condition = 1` where the database lacks booleans,
# which no index helps with. What where holds is compiled as it is.
def restrict(queryset: QuerySet[Any, Any], conditions: Iterable[Expression]) -> QuerySet[Any, Any]:
    """Return a clone with only the rows for which all `conditions`, resolved ones, hold."""
    restricted = queryset.all()
    for condition in conditions:
        restricted.query.where.add(condition, AND)
    return restricted


# Django 5.2, 6.0, 6.1: a lookup has prepared its rhs when it was made; another one of the
# same field takes it over as it is.
def as_intervals(queryset: QuerySet[Any, Any], columns: Collection[Any]) -> QuerySet[Any, Any]:
    """Return a clone in which `columns`, pinned ones, lie from their value to their value."""
    if not columns:
        return queryset
    clone = queryset.all()
    where: Any = clone.query.where
    where.children = [
        bound
        for lookup in where.children
        for bound in (
            [_with_operator(lookup, "gte"), _with_operator(lookup, "lte")]
            if is_exact(lookup) and lookup.lhs in columns
            else [lookup]
        )
    ]
    return clone


def _with_operator(lookup: Any, name: str) -> Any:
    kind = lookup.lhs.output_field.get_lookup(name)
    bound = kind.__new__(kind)
    bound.__dict__.update(lookup.__dict__)
    return bound


# Django 5.2, 6.0, 6.1: filter() comes to add_q(), after methods that a QuerySet may override.
# alias_map has the queryset's own table under its initial alias.
def with_own_condition(
    queryset: QuerySet[Any, Any], condition: Callable[[str, str], str]
) -> QuerySet[Any, Any] | None:
    """Return the rows of `queryset` that meet a condition on its own table; None where a query
    can have no further condition.

    `condition` gets the alias and the name of the table, and returns SQL without parameters.
    """
    if queryset.query.combinator or queryset.query.is_sliced:
        return None
    rows = queryset.all()
    query: Any = rows.query
    alias = query.get_initial_alias()
    sql = condition(alias, query.alias_map[alias].table_name)
    query.add_q(Q(RawSQL(sql, [], output_field=BooleanField())))
    return rows
