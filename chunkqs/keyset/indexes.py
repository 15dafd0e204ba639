"""The indexes that a model declares, as far as the form of a predicate depends on them.

Whether a chunk finds an index is for the planner to say; nothing here asks the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Index, Model, UniqueConstraint
from django.db.models.expressions import OrderBy

from ..databases.base import Database
from ..django_internals.queries import resolved_index
from .columns import KeyColumn

#: Kinds of index that have an order, by Django's suffix for them: its own, and BTreeIndex.
ORDERED = {"idx", "btree"}

Terms = tuple[OrderBy, ...]


def declared_indexes(model: type[Model], database: Database) -> Iterator[Terms]:
    """Yield the ordered indexes that `model` declares, each with the primary key at its end
    where the database has it there."""
    # A proxy declares no indexes of its own.
    options: Any = (model._meta.concrete_model or model)._meta
    key = _terms(options.pk_fields)
    for field in options.local_concrete_fields:
        if field.unique or field.db_index:
            yield _with_key(_terms([field]), key, database)
    for names in options.unique_together:
        yield _with_key(_terms(map(options.get_field, names)), key, database)
    for declared in (*options.indexes, *options.constraints):
        if _is_made(declared, database):
            yield _with_key(_declared_terms(declared, model), key, database)


def _is_made(declared: Any, database: Database) -> bool:
    """Return whether the database makes the index, with an order, of all rows."""
    features = database.connection.features
    if isinstance(declared, Index):
        # Without indexes of a part of the rows, Django makes one of all.
        is_whole = declared.condition is None or not features.supports_partial_indexes
        is_ordered = declared.suffix in ORDERED
    else:
        is_ordered = isinstance(declared, UniqueConstraint)
        is_whole = is_ordered and declared.condition is None
    has_expressions = is_ordered and bool(declared.expressions)
    return is_ordered and is_whole and features.supports_expression_indexes >= has_expressions


def _declared_terms(declared: Any, model: type[Model]) -> Terms:
    if declared.expressions:
        return tuple(resolved_index(model, declared.expressions))
    orders = getattr(declared, "fields_orders", None) or [(name, "") for name in declared.fields]
    return tuple(
        OrderBy(_column(model._meta.get_field(name)), descending=order == "DESC")
        for name, order in orders
    )


def _terms(fields: Iterable[Any]) -> Terms:
    return tuple(OrderBy(_column(field)) for field in fields)


def _column(field: Any) -> Any:
    return field.get_col(field.model._meta.db_table)


def _with_key(terms: Terms, key: Terms, database: Database) -> Terms:
    if not database.indexes_end_with_key:
        return terms
    present = [term.expression for term in terms]
    return (*terms, *(term for term in key if term.expression not in present))


def gives(terms: Sequence[OrderBy], columns: Sequence[KeyColumn]) -> bool:
    """Return whether the terms of an index, read forward or backward, are the order of columns."""
    if [term.expression for term in terms] != [column.expression for column in columns]:
        return False
    pairs = zip(terms, columns, strict=True)
    return len({term.descending != column.descending for term, column in pairs}) == 1
