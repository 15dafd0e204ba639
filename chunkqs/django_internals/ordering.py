"""The order of a query: what it was written as, what it resolves to, and who decides it.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import ColPairs, Func, OrderBy

from .routing import planning_alias


# Django 5.2, 6.0, 6.1: _order_by_pairs() turns order_by(), Meta.ordering and reverse() into
# OrderBy expressions; it is get_order_by() without the compilation, which could need a live
# connection. Before setup_query() the compiler knows of no selected columns, so no term
# comes out as a reference to one. Resolving adds the joins of the order to the query.
def resolve_ordering(queryset: QuerySet[Any, Any]) -> list[OrderBy]:
    """Resolve the order of `queryset` in place; its joins stay on the queryset."""
    query = queryset.query
    compiler = query.get_compiler(using=planning_alias(queryset))
    if query.group_by is not None and not query.order_by:
        return []  # Django leaves Meta.ordering out of grouped queries
    return [
        term.resolve_expression(query, allow_joins=True, reuse=None)
        for term, _ in compiler._order_by_pairs()
    ]


#: Methods of a compiler that the order of its SQL depends on.
ORDERING_METHODS = ("as_sql", "get_order_by", "_order_by_pairs", "pre_sql_setup", "setup_query")


# Django 5.2, 6.0, 6.1: a Query subclass may have a compiler of its own by get_compiler(). ops
# knows the class that the database's own queries have.
def is_ordered_elsewhere(queryset: QuerySet[Any, Any]) -> bool:
    """Return whether the compiler of a query subclass gives it another order than it says."""
    alias = planning_alias(queryset)
    connection, query = connections[alias], queryset.query.clone()
    stock: Any = connection.ops.compiler(query.compiler)
    compiler = query.get_compiler(using=alias)
    if all(getattr(type(compiler), n) is getattr(stock, n) for n in ORDERING_METHODS):
        return False
    try:
        own, _ = compiler.as_sql()
        plain, _ = stock(queryset.query.clone(), connection, alias).as_sql()
    except EmptyResultSet:
        return False
    return str(own).rpartition("ORDER BY")[2] != str(plain).rpartition("ORDER BY")[2]


# Django 5.2, 6.0, 6.1: terms in the order as it is written, before reverse().
def written_ordering(queryset: QuerySet[Any, Any]) -> tuple[Any, ...]:
    query = queryset.query
    if query.order_by:
        return tuple(query.order_by)
    if query.default_ordering and query.group_by is None:
        return tuple(queryset.model._meta.ordering)
    return ()


def is_reversed(queryset: QuerySet[Any, Any]) -> bool:
    return not queryset.query.standard_ordering


# Django 5.2, 6.0, 6.1: order_by() takes no resolved aggregate; as part of order_by, which
# is all that it fills, one compiles like any other expression.
def ordered_by(queryset: QuerySet[Any, Any], terms: Iterable[OrderBy]) -> QuerySet[Any, Any]:
    """Return a clone in the order of `terms`, which `resolve_ordering()` has resolved."""
    ordered = queryset.order_by()
    if any(isinstance(one, ColPairs) for one in ordered.query.select):
        terms = [_unnumbered(term) for term in terms]
    ordered.query.order_by = tuple(terms)
    ordered.query.standard_ordering = True
    return ordered


# Django 5.2, 6.0, 6.1: what is selected is ordered by its number, for which a composite
# primary key counts as one column, which it isn't. What is not selected itself has none.
def _unnumbered(term: OrderBy) -> OrderBy:
    unnumbered = term.copy()
    unnumbered.set_source_expressions([Func(term.expression, template="%(expressions)s")])
    return unnumbered
