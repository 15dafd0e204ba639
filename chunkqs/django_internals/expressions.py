"""What an expression is made of, as far as Django's documentation leaves it out.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldError
from django.db.models.expressions import Col as Col
from django.db.models.expressions import ColPairs, Func, RawSQL, Ref, Subquery, Value
from django.db.models.functions import Cast, Collate
from django.db.models.sql import Query as Query
from django.db.models.sql.where import ExtraWhere
from django.utils.tree import Node


# Django 5.2, 6.0, 6.1: output_field raises FieldError where the sources are of several types,
# or where nothing names a type. Such an expression can be compared all the same.
def field_of(expression: Any) -> Any:
    """Return the field that an expression's values are of; None where Django cannot tell."""
    try:
        return expression.output_field
    except FieldError:
        return None


# Django 5.2, 6.0, 6.1: flatten() yields an expression and all in it, but stops at a Q that has
# been resolved: a Node, which keeps what is in it in `children`.
def flattened(expression: Any) -> Iterator[Any]:
    """Yield `expression` and every expression in it."""
    for part in expression.flatten() if hasattr(expression, "flatten") else [expression]:
        yield part
        if isinstance(part, Node):
            for child in part.children:
                yield from flattened(child)


# Django 5.2, 6.0, 6.1: whatever makes a value has an output_field, a condition as well.
def fields_of(expression: Any) -> Iterator[Any]:
    """Yield the field of each part of an expression; None where Django cannot tell."""
    for part in flattened(expression):
        if hasattr(type(part), "output_field"):
            yield field_of(part)


# Django 5.2, 6.0, 6.1: a resolved expression's columns are Col.
def aliases(expression: Any) -> set[str]:
    """Return the aliases of the tables that an expression takes columns from."""
    return {str(part.alias) for part in flattened(expression) if isinstance(part, Col)}


# Django 5.2, 6.0, 6.1: Subquery and Exists keep their query in `query`; a Query can stand for
# itself among the parts of an expression.
def query_of(expression: Any) -> Any:
    """Return the query that an expression runs; None if it runs none."""
    if isinstance(expression, Query):
        return expression
    return expression.query if isinstance(expression, Subquery) else None


# Django 5.2, 6.0, 6.1: values() names its columns in select, annotate() in annotation_select.
def selected_by(query: Any) -> list[Any]:
    """Return the expressions that a query of an expression selects."""
    return [*query.select, *query.annotation_select.values()]


def has_query(expression: Any) -> bool:
    """Return whether an expression, or a part of it, runs a query of its own."""
    return any(query_of(part) is not None for part in flattened(expression))


# Django 5.2, 6.0, 6.1: a constant of an expression is a Value, which becomes a parameter.
def has_value(expression: Any) -> bool:
    """Return whether an expression has a constant in it."""
    return any(isinstance(part, Value) for part in flattened(expression))


# Django 5.2, 6.0, 6.1: ColPairs is the primary key of a CompositePrimaryKey, one selected
# expression of several columns. Ref and its child PositionRef stand for a selected one.
def unfold(expression: Any) -> list[Any]:
    """Return the columns that an expression of the order stands for."""
    while isinstance(expression, Ref):
        expression = expression.get_source_expressions()[0]
    return expression.get_cols() if isinstance(expression, ColPairs) else [expression]


# Django 5.2, 6.0, 6.1: expressions keep what their constructor was called with; a Q that has
# been resolved is a Node, which has no constructor of that kind. Of both, what is an
# expression itself is among the source expressions once more, resolved: so is all that is
# given as `expression` or `expressions`, where text names a field.
def arguments_of(expression: Any) -> list[Any]:
    """Return what an expression was made with, without the expressions."""
    if isinstance(expression, Node):
        return [expression.connector, expression.negated]
    if isinstance(expression, ExtraWhere):
        return [expression.sqls, expression.params]
    args, kwargs = getattr(expression, "_constructor_args", ((), {}))
    bound = inspect.signature(type(expression).__init__).bind_partial(expression, *args, **kwargs)
    _, *given = bound.arguments.items()
    return [
        (name, value)
        for name, value in given
        if name not in {"expression", "expressions"} and not is_expression(value)
    ]


# Django 5.2, 6.0, 6.1: ORDER BY takes a number for the place of a selected column, so that a
# constant is ordered by as Cast(Value).
def is_constant(expression: Any) -> bool:
    """Return whether an expression is sure to be the same in all rows."""
    return all(type(part) in (Value, Cast) for part in flattened(expression))


#: Parts whose value, or order, is not for Django to know.
OPEN = (Func, RawSQL, Collate)


# Django 5.2, 6.0, 6.1: expressions of its own, but for those that are given SQL or a function's
# name, have one value for a row, in the order of its type.
def is_known(expression: Any) -> bool:
    """Return whether an expression is made of parts alone that Django knows the value of."""
    return all(
        type(part).__module__.startswith("django.") and type(part) not in OPEN
        for part in flattened(expression)
    )


# Django 5.2, 6.0, 6.1: Func.set_returning says that there is a row for each of several values.
def returns_rows(expression: Any) -> bool:
    """Return whether an expression says that it makes several rows of one."""
    return any(getattr(part, "set_returning", False) for part in flattened(expression))


# Django 5.2, 6.0, 6.1: the conditions of extra() are no expressions, but stand among them.
def is_expression(value: Any) -> bool:
    return hasattr(value, "resolve_expression") or isinstance(value, ExtraWhere)


def parts_of(expression: Any) -> list[Any]:
    """Return the expressions in an expression; None for one that it may have and lacks."""
    if isinstance(expression, Node):
        return list(expression.children)
    own = getattr(expression, "get_source_expressions", None)
    return list(own()) if own else []


# Django 5.2, 6.0, 6.1: a column of a table is a Col, of the alias and field that it was made by.
def own_field(expression: Any, alias: str) -> Any:
    """Return the field that `expression` is the plain column of in the table `alias`, or None."""
    is_own = isinstance(expression, Col) and expression.alias == alias
    return expression.target if is_own else None
