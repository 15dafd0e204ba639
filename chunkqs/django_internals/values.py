"""What values() selects: the names, fields and converters of the columns of an export."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, JSONField, QuerySet
from django.db.models.expressions import Col, ColPairs
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler

from .models import reads_as_django as reads_as_django


# Django 5.2, 6.0, 6.1: _fields is None until values(), values_list() or dates(). The select
# mask has the fields that only() and defer() leave, and is empty without those.
def values_of(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Return a clone that selects what values() would, or of instances what they load."""
    if queryset._fields is not None:  # type: ignore[attr-defined]
        clone = queryset.all()
        clone.query.select_related = False
        return clone
    query = queryset.query
    mask = query.get_select_mask()
    names: list[str] = []
    if mask:
        loaded = [field.attname for field in queryset.model._meta.concrete_fields if field in mask]
        names = [*query.extra_select, *loaded, *query.annotation_select]
    return queryset.values_list(*names)


# Django 5.2, 6.0, 6.1: selected has the names of values(*names) in the order of the columns.
def names_of_values(queryset: QuerySet[Any, Any]) -> list[str]:
    """Return the names of the columns that a queryset of values selects."""
    query = queryset.query
    if query.selected:
        return [str(name) for name in query.selected]
    return [*query.extra_select, *query.values_select, *query.annotation_select]


# Django 5.2, 6.0, 6.1: a composite primary key is one expression of several columns.
def selects_composite(queryset: QuerySet[Any, Any]) -> bool:
    """Return whether a composite primary key is among the values."""
    query = queryset.query
    selected = [*query.select, *query.annotation_select.values()]
    return any(isinstance(expression, ColPairs) for expression in selected)


# Django 5.2, 6.0, 6.1: converters of a column as get_converters() has them.
def is_document(converters: tuple[list[Any], Any] | None) -> bool:
    """Return whether all that becomes of a column is that its JSON is parsed."""
    if converters is None or len(converters[0]) != 1:
        return False
    return getattr(converters[0][0], "__func__", None) is JSONField.from_db_value


# Django 5.2, 6.0, 6.1: compiler.select holds (expression, (sql, params), alias).
def expressions_of(compiler: SQLCompiler) -> list[Any]:
    """Return the expressions that a compiled query selects."""
    return [expression for expression, *_ in compiler.select or ()]


# Django 5.2, 6.0, 6.1: a Col is a column as it is, a Cast has exactly the type of its field.
# An expression of the same field may be wider: a sum has more digits than what it adds up.
def is_of_its_field(expression: Any) -> bool:
    """Return whether every value of `expression` fits its output field."""
    return isinstance(expression, Col | Cast)


# Django 5.2, 6.0, 6.1: a foreign key's values are of the type of what it points to.
def type_of(expression: Any) -> Field[Any, Any] | None:
    """Return the field that has the type of `expression`; None where Django knows none."""
    field = getattr(expression, "_output_field_or_none", None)
    while getattr(field, "remote_field", None) is not None and field is not None:
        target = getattr(field, "target_field", None)
        if target is None or target is field:
            break
        field = target
    return field
