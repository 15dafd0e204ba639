"""Queries, as far as Django's documentation leaves them out: what they ask for.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Model, QuerySet
from django.db.models.expressions import Col, OrderBy, RawSQL
from django.db.models.sql import Query
from django.db.models.sql.constants import LOUTER
from django.db.models.sql.datastructures import Join
from django.db.models.sql.where import ExtraWhere

from .conditions import RANGES, is_exact, is_one, own_lookups
from .expressions import flattened, returns_rows
from .joins import joined_to, to_many_joins
from .routing import planning_alias


@dataclass(frozen=True)
class QueryInfo:
    """What a walk must know of a query, read once."""

    base_alias: str
    """The alias of the queryset's own table."""
    is_distinct: bool
    is_locking: bool
    is_grouped: bool
    group_by: tuple[Any, ...] | None
    """The expressions that values() groups by; None for groups by whole rows, or no groups."""
    selected: tuple[Any, ...] | None
    """The selected expressions; None where whole rows are selected."""
    annotations: tuple[Any, ...]
    """The selected annotations, which a grouped query groups by, too."""
    outer_joined: frozenset[str]
    """The aliases whose columns are NULL where the join finds nothing."""
    to_many_joins: dict[str, type[Model]]
    """The aliases that can repeat a row of the queryset's own table, each with its model."""
    repeating: frozenset[str]
    """These aliases and those that are joined to them."""
    is_filtered: bool
    pinned: tuple[Col, ...]
    """The own columns that a filter makes equal to one value in all rows."""
    uniform: tuple[Col, ...]
    """The own columns that are the same in all rows: those, and `__isnull=True` or `__in=[x]`."""
    ranged: tuple[Col, ...]
    """The own columns that a filter takes a range of."""

    @property
    def repeats_rows(self) -> bool:
        """Whether the rows are as many as the joined ones: not brought together again."""
        return not self.is_grouped and not self.is_distinct

    # Django 5.2, 6.0, 6.1: attributes of Query. group_by is None (no groups), True (by all
    # columns of the model) or the expressions that values() groups by. default_cols is True
    # where the model's own columns are selected; values() names its columns in select.
    @classmethod
    def of(cls, queryset: QuerySet[Any, Any]) -> Self:
        """Read `queryset`, whose order has been resolved by `resolve_ordering()`."""
        query = queryset.query
        base_alias = str(query.get_initial_alias())
        to_many = to_many_joins(query)
        annotations = tuple(query.annotation_select.values())
        group_by = query.group_by
        own = own_lookups(query)
        return cls(
            base_alias=base_alias,
            is_distinct=bool(query.distinct),
            is_locking=bool(query.select_for_update),
            is_grouped=group_by is not None,
            group_by=tuple(group_by) if isinstance(group_by, tuple | list) else None,
            selected=None if query.default_cols else (*query.select, *annotations),
            annotations=annotations,
            outer_joined=frozenset(
                alias for alias, join in query.alias_map.items() if join.join_type == LOUTER
            ),
            to_many_joins=to_many,
            repeating=joined_to(set(to_many), query),
            is_filtered=bool(query.where),
            pinned=tuple(lookup.lhs for lookup in own if is_exact(lookup)),
            uniform=tuple(lookup.lhs for lookup in own if is_exact(lookup) or is_one(lookup)),
            ranged=tuple(lookup.lhs for lookup in own if lookup.lookup_name in RANGES),
        )


# Django 5.2, 6.0, 6.1: low_mark is 0, and high_mark None, where there is no slice.
def slice_length(queryset: QuerySet[Any, Any]) -> int | None:
    """Return how many rows a slice has at most; None where nothing limits them."""
    query = queryset.query
    return None if query.high_mark is None else int(query.high_mark - query.low_mark)


# Django 5.2, 6.0, 6.1: attributes of Query that say which kind of query it is.
def unordered_part(queryset: QuerySet[Any, Any]) -> str | None:
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
    if any(map(returns_rows, query.annotations.values())):
        return "a function that returns a set"
    conditions = [*query.annotation_select.values(), query.where]
    if any(condition.contains_over_clause for condition in conditions):
        return "a window function"
    return None


# Django 5.2, 6.0, 6.1: the joins of select_related() are added while a query is compiled, by
# get_select(), and stay in alias_map for good. extra(where=...) is an ExtraWhere in `where`.
def keep_named_joins(queryset: QuerySet[Any, Any]) -> None:
    """Add the joins of select_related() in place, where SQL of the caller's may name them."""
    query: Any = queryset.query
    if query.select_related and _has_raw_sql(query):
        query.get_compiler(using=planning_alias(queryset)).get_select()


def _has_raw_sql(query: Any) -> bool:
    parts = [*flattened(query.where), *query.annotations.values()]
    return any(isinstance(part, ExtraWhere | RawSQL) for one in parts for part in flattened(one))


# Django 5.2, 6.0, 6.1: alias_map has the base table, and the joins that are in use by refcount.
def is_whole_table(queryset: QuerySet[Any, Any]) -> bool:
    """Return whether each row of the queryset's own table is one row of `queryset`."""
    query = queryset.query
    joined = [alias for alias in query.alias_map if query.alias_refcount[alias]]
    return not (query.where or query.distinct or query.group_by or len(joined) > 1)


# Django 5.2, 6.0, 6.1: no public method takes select_for_update() back.
def without_lock(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    unlocked = queryset.all()
    unlocked.query.select_for_update = False
    return unlocked


# Django 5.2, 6.0, 6.1: a join has the alias of the table that it starts from, and the relation
# that it follows; the base table has neither.
def path_to(alias: str, query: Query) -> list[str]:
    """Name the relations that lead from a query's own table to that of an alias."""
    join: Any = query.alias_map.get(alias)
    if not isinstance(join, Join):
        return []
    relation: Any = join.join_field
    name = str(relation.name)
    if join.filtered_relation is not None:
        condition = join.filtered_relation.condition
        name = f"{join.filtered_relation.relation_name}[{condition!r}]"
    return [*path_to(join.parent_alias, query), name]


def has_alias(query: Query, alias: str) -> bool:
    """Return whether an alias is one of a query's own tables."""
    return alias in query.alias_map


# Django 5.2, 6.0, 6.1: attributes of Query that say which rows and columns it asks for.
def query_parts(query: Query) -> list[tuple[str, Any]]:
    """Return what a query asks for, by names; what it doesn't use is left out."""
    is_ordered = query.order_by or not query.default_ordering
    parts = {
        "model": query.model,
        "select": query.select,
        "annotations": query.annotation_select,
        "where": query.where,
        "order": query.order_by if is_ordered else tuple(query.get_meta().ordering or ()),
        "reversed": not query.standard_ordering,
        "from": query.low_mark,
        "to": query.high_mark,
        "distinct": query.distinct and (query.distinct_fields or True),
        "groups": query.group_by,
        "combined": query.combinator and (query.combinator, query.combined_queries),
        "extra": {name: sql for name, (sql, _) in query.extra.items()},
        "tables": query.extra_tables,
        "extra_order": query.extra_order_by,
    }
    return [(name, part) for name, part in parts.items() if part]


# Django 5.2, 6.0, 6.1: the expressions of an index are as those of order_by(): F(), OrderBy,
# or what has asc(). resolve_expression() is what order_by() resolves its terms by.
def resolved_index(model: type[Model], expressions: Iterable[Any]) -> list[OrderBy]:
    """Resolve the expressions of an index of `model`."""
    plain: QuerySet[Any, Any] = model._base_manager.all()
    terms = [one if isinstance(one, OrderBy) else one.asc() for one in expressions]
    return [term.resolve_expression(plain.query) for term in terms]


# Django 5.2, 6.0, 6.1: what prefetch_related() was given, for prefetch_related_objects().
def prefetch_lookups(queryset: QuerySet[Any, Any]) -> tuple[Any, ...]:
    """Return the lookups that `queryset` prefetches."""
    return tuple(queryset._prefetch_related_lookups)  # type: ignore[attr-defined]


# Django 5.2, 6.0, 6.1: ModelChoiceField looks at this before it iterates.
STATE_THAT_FORMS_READ = frozenset(["_prefetch_related_lookups"])


# Django 5.2, 6.0, 6.1: to pickle a queryset fetches its rows, unless it holds some already.
# A clone holds none again.
def unread(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Return a clone that can be pickled without a query; use a clone of what comes back."""
    empty = queryset.all()
    empty._result_cache = []
    return empty
