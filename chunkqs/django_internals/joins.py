"""The joins of a query that make several rows of one.

Each part names the Django versions that it was checked against.
"""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Model
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.sql.datastructures import Join

from ..errors import KeysetError


# Django 5.2, 6.0, 6.1: alias_map holds a join for each alias, parents first; the one without a
# parent is the base table. A refcount of 0 is a join that trim_joins() took away.
def to_many_joins(query: Any) -> dict[str, type[Model]]:
    """Return the aliases that can repeat a row of the base table, each with its model."""
    return {
        alias: _model_of(join)
        for alias, join in query.alias_map.items()
        if query.alias_refcount[alias] and isinstance(join, Join) and _is_to_many(join.join_field)
    }


def joined_to(aliases: set[str], query: Any) -> frozenset[str]:
    """Return the aliases with those that are joined to them."""
    for alias, join in query.alias_map.items():
        if join.parent_alias in aliases:
            aliases.add(alias)
    return frozenset(aliases)


def _is_to_many(join_field: Any) -> bool:
    return isinstance(join_field, ForeignObjectRel) and not join_field.one_to_one


# Django 5.2, 6.0, 6.1: the table that a relation joins is mostly that of one of its sides. A
# relation by way of a third table names it `through`; one that another package defines need not.
def _model_of(join: Any) -> type[Model]:
    """Return the model whose table a join adds to the query."""
    rel = join.join_field
    sides: list[type[Model]] = [rel.related_model, rel.model]
    parents = [parent for side in sides for parent in side._meta.get_parent_list()]
    through = [rel.through] if getattr(rel, "through", None) else []
    others = rel.model._meta.apps.get_models(include_auto_created=True)
    for model in (*sides, *parents, *through, *others):
        if model._meta.db_table == join.table_name and not model._meta.proxy:
            return cast(type[Model], model)
    raise KeysetError(
        f"A walk by keyset cannot follow this query: the relation {rel.name!r} joins the table "
        f"{join.table_name!r}, whose primary key no model declares. Use stream() instead."
    )
