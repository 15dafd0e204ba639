"""The orders and conditions of a query, as far as Django's documentation leaves them out.

Each piece names the Django versions it was read and tested against, as in `internals`.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.expressions import ColPairs, Func, OrderBy
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.datastructures import Join


# Django 5.2, 6.0, 6.1: _order_by_pairs() turns order_by(), Meta.ordering and reverse() into
# OrderBy expressions; it is get_order_by() without the compilation, which could need a live
# connection. Before setup_query() the compiler knows of no selected columns, so no term
# comes out as a reference to one. Resolving adds the joins of the order to the query.
def resolve_ordering(queryset: QuerySet[Any, Any]) -> list[OrderBy]:
    """Resolve the order of `queryset` in place; its joins stay on the queryset."""
    query = queryset.query
    compiler = query.get_compiler(using=queryset.db)
    if query.group_by is not None and not query.order_by:
        return []  # Django leaves Meta.ordering out of grouped queries
    return [
        term.resolve_expression(query, allow_joins=True, reuse=None)
        for term, _ in compiler._order_by_pairs()
    ]


# Django 5.2, 6.0, 6.1: terms in the order as it is written, not turned round by reverse().
def written_ordering(queryset: QuerySet[Any, Any]) -> tuple[Any, ...]:
    query = queryset.query
    if query.order_by:
        return tuple(query.order_by)
    if query.default_ordering and query.group_by is None:
        return tuple(queryset.model._meta.ordering)
    return ()


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


def is_reversed(queryset: QuerySet[Any, Any]) -> bool:
    return not queryset.query.standard_ordering


# Django 5.2, 6.0, 6.1: alias_map holds a join for each alias, parents first; the one
# without a parent is the base table. A refcount of 0 is a join that trim_joins() took away.
def base_alias(queryset: QuerySet[Any, Any]) -> str:
    """Name the alias of the queryset's own table."""
    return str(queryset.query.get_initial_alias())


def outer_joined(queryset: QuerySet[Any, Any]) -> set[str]:
    """Name the aliases whose columns are NULL where the join finds nothing."""
    query = queryset.query
    return {alias for alias, join in query.alias_map.items() if join.join_type == LOUTER}


def to_many_joins(queryset: QuerySet[Any, Any]) -> dict[str, type[Model]]:
    """Return the aliases that can repeat a row of the base table, each with its model."""
    query = queryset.query
    return {
        alias: _model_of(join)
        for alias, join in query.alias_map.items()
        if query.alias_refcount[alias] and isinstance(join, Join) and _is_to_many(join.join_field)
    }


def behind_to_many_joins(queryset: QuerySet[Any, Any]) -> set[str]:
    """Return the aliases of which a row of the base table can have several rows."""
    aliases = set(to_many_joins(queryset))
    for alias, join in queryset.query.alias_map.items():
        if join.parent_alias in aliases:
            aliases.add(alias)
    return aliases


def _is_to_many(join_field: Any) -> bool:
    return isinstance(join_field, ForeignObjectRel) and not join_field.one_to_one


def _model_of(join: Any) -> type[Model]:
    rel = join.join_field
    sides: list[type[Model]] = [rel.related_model, rel.model]
    return next(side for side in sides if side._meta.db_table == join.table_name)


# Django 5.2, 6.0, 6.1: attributes of Query that say which kind of query it is.
def has_no_place_in_an_order(queryset: QuerySet[Any, Any]) -> str | None:
    """Name the part of `queryset` that takes its rows out of any order, if there is one."""
    query = queryset.query
    if query.combinator:
        return f"{query.combinator}()"
    if query.is_sliced:
        return "a slice"
    if query.extra_order_by:
        return "extra(order_by=...)"
    if query.extra_tables:
        return "extra(tables=...)"
    if query.distinct_fields:
        return f"distinct({', '.join(map(repr, query.distinct_fields))})"
    annotations = [*query.annotation_select.values(), query.where]
    if any(annotation.contains_over_clause for annotation in annotations):
        return "a window function"
    return None


# Django 5.2, 6.0, 6.1: group_by is None (no groups), True (by all columns of the model,
# the primary key among them) or the expressions that values() groups by.
def groups(queryset: QuerySet[Any, Any]) -> bool | tuple[Any, ...]:
    """Tell what `queryset` groups by: False, True for whole rows, or the expressions."""
    group_by = queryset.query.group_by
    return bool(group_by) if group_by is None or group_by is True else tuple(group_by)


# Django 5.2, 6.0, 6.1: default_cols is True where the model's own columns are selected,
# the primary key always among them; values() names its columns in select.
def selects(queryset: QuerySet[Any, Any]) -> tuple[Any, ...] | None:
    """Return the selected expressions, or None where whole rows are selected."""
    query = queryset.query
    if query.default_cols:
        return None
    return (*query.select, *query.annotation_select.values())


def selected_annotations(queryset: QuerySet[Any, Any]) -> list[Any]:
    """Return the selected annotations, which a grouped query groups by, too."""
    return list(queryset.query.annotation_select.values())


def is_distinct(queryset: QuerySet[Any, Any]) -> bool:
    return bool(queryset.query.distinct)


def is_locking(queryset: QuerySet[Any, Any]) -> bool:
    return bool(queryset.query.select_for_update)


# Django 5.2, 6.0, 6.1: no public method takes select_for_update() back.
def without_lock(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    unlocked = queryset.all()
    unlocked.query.select_for_update = False
    return unlocked


# Django 5.2, 6.0, 6.1: a join has the alias of the table that it starts from, and the relation
# that it follows; the base table has neither.
def way_to(alias: str, queryset: QuerySet[Any, Any]) -> list[str]:
    """Name the relations that lead from the queryset's own table to that of an alias."""
    join: Any = queryset.query.alias_map.get(alias)
    if not isinstance(join, Join):
        return []
    relation: Any = join.join_field
    name = str(relation.name)
    if join.filtered_relation is not None:
        condition = join.filtered_relation.condition
        name = f"{join.filtered_relation.relation_name}[{condition!r}]"
    return [*way_to(join.parent_alias, queryset), name]


# Django 5.2, 6.0, 6.1: the expressions of an index are as those of order_by(): F(), OrderBy,
# or what has asc(). resolve_expression() is what order_by() resolves its terms by.
def resolved_index(queryset: QuerySet[Any, Any], expressions: Iterable[Any]) -> list[OrderBy]:
    """Resolve the expressions of an index of the queryset's model."""
    plain: QuerySet[Any, Any] = queryset.model._base_manager.all()
    terms = [one if isinstance(one, OrderBy) else one.asc() for one in expressions]
    return [term.resolve_expression(plain.query) for term in terms]


# Django 5.2, 6.0, 6.1: what prefetch_related() was given, for prefetch_related_objects().
def prefetch_lookups(queryset: QuerySet[Any, Any]) -> tuple[Any, ...]:
    """Return the lookups that `queryset` prefetches."""
    return tuple(queryset._prefetch_related_lookups)  # type: ignore[attr-defined]


# Django 5.2, 6.0, 6.1: __getstate__() fetches the rows of a queryset that has none in its cache,
# and what is prefetched for them. One with an empty cache pickles as it is.
def dump(queryset: QuerySet[Any, Any]) -> bytes:
    """Pickle `queryset` without a query. `load()` reads it."""
    clone = queryset.all()
    clone._result_cache = []
    return pickle.dumps(clone)


def load(dumped: bytes) -> QuerySet[Any, Any]:
    """Return the queryset of `dump()`, not evaluated yet."""
    queryset: Any = pickle.loads(dumped)
    queryset._result_cache, queryset._prefetch_done = None, False
    restored: QuerySet[Any, Any] = queryset
    return restored
