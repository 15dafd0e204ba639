"""What has no place in an order, and the error that says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, JSONField, QuerySet
from django.db.models.expressions import Col
from django.db.models.functions import Now, Random
from django.db.models.query import RawQuerySet

from ..django_internals import expressions as expression_internals
from ..django_internals import queries as order_internals
from ..django_internals.compiler import unfold
from ..errors import KeysetError

ADVICE = " Use stream(), which needs no order."

#: Types that some database cannot compare, or that a position cannot hold, by class name.
WITHOUT_ORDER = {"HStoreField", "RangeField", "BaseSpatialField", "SearchVectorField"}
#: Functions with a new value in each query, by their names in SQL and in Django 6.1.
VOLATILE = re.compile(
    r"\b(?:RAND|RANDOM|(?:GEN_)?RANDOM_?UUID|UUID|UUIDV?[47]|UUID_V[47]|NOW|SYSDATE"
    r"|(?:CURRENT|LOCAL|STATEMENT|CLOCK|TRANSACTION|UTC)_(?:TIME(?:STAMP)?|DATE))\b"
)
#: Types of MySQL that have two orders.
NUMBERED = ("enum(", "set(")


def refuse_query(queryset: QuerySet[Any, Any] | RawQuerySet[Any]) -> None:
    """Raise KeysetError if the rows of `queryset` cannot be told apart by a key."""
    if isinstance(queryset, RawQuerySet):
        raise _refusal("raw()", "no condition can be added to raw SQL")
    if part := order_internals.has_no_place_in_an_order(queryset):
        raise _refusal(part, "its rows depend on rows outside of a chunk")
    if order_internals.is_distinct(queryset):
        _refuse_without_key("distinct()", order_internals.selects(queryset), queryset)
    if groups := order_internals.groups(queryset):
        grouped_by = None if groups is True else groups
        _refuse_without_key("values() with an aggregate", grouped_by, queryset)


def refuse_column(expression: Any, connection: BaseDatabaseWrapper) -> None:
    """Raise KeysetError if `expression` is nothing to walk along. No query."""
    if expression.contains_over_clause:
        raise _refusal("order by a window function", "its value depends on all rows")
    if any(_is_volatile(part) for part in _parts(expression)):
        raise _refusal(
            "random order" if _is_random(expression) else "order by the current time",
            "the order is another in each query",
        )
    field = expression_internals.field_of(expression)
    if connection.vendor == "mysql":
        _refuse_numbered(expression, getattr(field, "target_field", field), connection)
    if isinstance(field, JSONField) or any(c.__name__ in WITHOUT_ORDER for c in type(field).mro()):
        raise _refusal(f"order by {_named(expression)}", f"a {type(field).__name__} has no order")


def _refuse_numbered(expression: Any, field: Any, connection: BaseDatabaseWrapper) -> None:
    # Django's own fields are of no such type, and would ask the server which it is.
    if field is None or type(field).db_type is Field.db_type:
        return
    db_type = field.db_type(connection) or ""
    if db_type.lower().startswith(NUMBERED):
        raise _refusal(
            f"order by {_named(expression)}",
            f"an {db_type} is sorted by its number, but compared as text",
        )


def refuse_repeats(source: QuerySet[Any, Any], ordering: Iterable[Any]) -> None:
    """Raise KeysetError if groups or distinct() leave rows apart that the key does not tell."""
    grouped = order_internals.groups(source)
    if not grouped and not order_internals.is_distinct(source):
        return
    to_many = order_internals.behind_to_many_joins(source)
    selected = order_internals.selects(source) or order_internals.selected_annotations(source)
    by = grouped if isinstance(grouped, tuple) else ()
    for expression in [*ordering, *selected, *by]:
        if any(isinstance(part, Col) and part.alias in to_many for part in _rowwise(expression)):
            raise _refusal(
                f"{'groups' if grouped else 'distinct()'} with {_named(expression)} of a to-many "
                "relation",
                "the key does not tell its rows apart",
            )


def _rowwise(expression: Any) -> Iterator[Any]:
    """Yield the parts of an expression, but for those that an aggregate brings together."""
    return iter(()) if expression.contains_aggregate else _parts(expression)


def _refuse_without_key(part: str, selected: Any, queryset: QuerySet[Any, Any]) -> None:
    if selected is None:
        return
    alias = order_internals.base_alias(queryset)
    columns = [column for expression in selected for column in unfold(expression)]
    for field in queryset.model._meta.pk_fields:
        if field.get_col(alias) not in columns:
            raise _refusal(f"{part} without the primary key", "its rows have no key")


def _parts(expression: Any) -> Iterator[Any]:
    yield expression
    for source in expression.get_source_expressions():
        if source is not None:
            yield from _parts(source)


def _is_volatile(expression: Any) -> bool:
    return isinstance(expression, (Random, Now)) or bool(VOLATILE.search(_written(expression)))


def _written(expression: Any) -> str:
    """Return what an expression is called, in Django and in SQL."""
    given = getattr(expression, "extra", {})
    names = [given.get(n) or getattr(expression, n, None) for n in ("function", "template")]
    return " ".join([type(expression).__name__, *(n for n in names if isinstance(n, str))]).upper()


def _is_random(expression: Any) -> bool:
    return any("RAND" in text or "UUID" in text for text in map(_written, _parts(expression)))


def _named(expression: Any) -> str:
    return repr(expression.target.name) if isinstance(expression, Col) else str(expression)


def _refusal(part: str, reason: str) -> KeysetError:
    return KeysetError(f"A walk by keyset cannot follow this query: {part} ({reason}).{ADVICE}")
