"""What values() selects: the names, fields and converters of the columns of an export."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import JSONField, QuerySet
from django.db.models.expressions import BaseExpression, Col, ColPairs
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler

from .row_loading import converters_of, is_django_converter, selected


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


def with_iterable_class(queryset: QuerySet[Any, Any], kind: type) -> QuerySet[Any, Any]:
    """Return a clone whose rows are built by an iterable class of our own."""
    clone = queryset.all()
    clone._iterable_class = kind
    return clone


class Conversion(Enum):
    """What Django makes of a column's values as the driver returns them."""

    NONE = "nothing"
    DOCUMENT = "JSON is parsed"
    FLOAT = "float(value)"
    INTEGER = "int(value)"
    DECIMAL = "Decimal(value)"
    MOMENT = "a moment without zone is one of the connection's zone"
    OTHER = "what a field, an expression or the backend does in Python"


# Django 5.2, 6.0, 6.1: {column: (functions, expression)}, of get_converters(). An expression
# that is no column has convert_value() by the internal type of its output field.
def conversion_of(converters: tuple[list[Any], Any] | None) -> Conversion:
    """Classify the converters of a column."""
    if converters is None:
        return Conversion.NONE
    functions, expression = converters
    if len(functions) != 1:
        return Conversion.OTHER
    function = functions[0]
    if _makes_aware(function):
        return Conversion.MOMENT
    if getattr(function, "__func__", None) is JSONField.from_db_value:
        return Conversion.DOCUMENT
    is_stock = type(expression).convert_value is BaseExpression.convert_value
    if not is_stock or function is not expression.convert_value:
        return Conversion.OTHER
    kind = expression.output_field.get_internal_type()
    if kind.endswith("IntegerField"):
        return Conversion.INTEGER
    named = {"FloatField": Conversion.FLOAT, "DecimalField": Conversion.DECIMAL}
    return named.get(kind, Conversion.OTHER)


# Django 5.2, 6.0, 6.1: the backends of MySQL and SQLite, whose columns have no zones.
def _makes_aware(function: Any) -> bool:
    is_django = is_django_converter(getattr(function, "__func__", None))
    return is_django and function.__name__ == "convert_datetimefield_value"


def conversions_of(compiler: SQLCompiler) -> list[Conversion]:
    """Return what becomes of each selected column. None of them may be composite."""
    converters = converters_of(compiler)
    return [conversion_of(converters.get(index)) for index in range(len(selected(compiler)))]


# Django 5.2, 6.0, 6.1: a Col is a column of its target's table.
def is_made_by_django(expression: Any) -> bool:
    """Return whether a document is in a column of the type that a migration gives a JSONField.

    A table that is not managed may have text, or JSON as somebody has written it.
    """
    if not isinstance(expression, Col) or not expression.target.model._meta.managed:
        return False
    return type(expression.target).db_type is JSONField.db_type


# Django 5.2, 6.0, 6.1: what a backend without zones takes a moment's zone to be.
def stores_utc(connection: BaseDatabaseWrapper) -> bool:
    """Return whether moments in columns without zones are in UTC."""
    return bool(settings.USE_TZ and str(connection.timezone) == "UTC")


def knows_moments(compiler: SQLCompiler) -> bool:
    """Return whether every moment is in a column that is known to have moments in UTC."""
    if not stores_utc(compiler.connection):
        return False
    columns = zip(conversions_of(compiler), field_types(compiler), strict=True)
    return all(
        how is Conversion.MOMENT or (kind.is_exact and kind.name not in ("", "DateTimeField"))
        for how, kind in columns
    )


class FieldType(NamedTuple):
    """What the field of a column says of its values."""

    name: str
    """Django's internal name; "" where a field of another's makes values of its own."""
    is_exact: bool
    """Whether every value fits the field, which is so for what is stored or cast, but not for
    what is computed: a sum has more digits than its field."""
    max_digits: int | None = None
    decimal_places: int | None = None
    has_choices: bool = False
    base: FieldType | None = None
    """The type of an array's elements."""


def field_types(compiler: SQLCompiler) -> list[FieldType]:
    """Return the types of the selected columns."""
    return [
        field_type(_field_of(expression), is_exact=isinstance(expression, Col | Cast))
        for expression in selected(compiler)
    ]


# Django 5.2, 6.0, 6.1: _output_field_or_none is output_field without the error. A foreign key
# has the values of what it points to, a GeneratedField those of its output_field.
def _field_of(expression: Any) -> Any:
    field = getattr(expression, "_output_field_or_none", None)
    while True:
        inner = getattr(field, "target_field", None) or getattr(field, "output_field", None)
        if inner is None or inner is field:
            return field
        field = inner


def field_type(field: Any, *, is_exact: bool) -> FieldType:
    """Describe the type of a field."""
    is_django = _is_of_django(getattr(type(field), "from_db_value", None))
    if field is None or not is_django:
        return FieldType("", is_exact)
    base = getattr(field, "base_field", None)
    return FieldType(
        field.get_internal_type(),
        is_exact,
        getattr(field, "max_digits", None),
        getattr(field, "decimal_places", None),
        bool(getattr(field, "choices", None)),
        field_type(base, is_exact=True) if base is not None else None,
    )


def _is_of_django(function: Any) -> bool:
    return function is None or str(function.__module__).startswith("django.")
