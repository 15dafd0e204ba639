"""What an expression is made of, as far as Django's documentation leaves it out.

Each piece names the Django versions it was read and tested against, as in `internals`.
"""

from __future__ import annotations

import inspect
from typing import Any

from django.core.exceptions import FieldError
from django.db.models.expressions import Col, Subquery
from django.db.models.sql import Query
from django.utils.tree import Node


# Django 5.2, 6.0, 6.1: output_field raises FieldError where sources are of several types, or
# where nothing says which type an expression is of. Such a one can be compared all the same.
def field_of(expression: Any) -> Any:
    """Return the field that an expression's values are of, None where Django cannot tell."""
    try:
        return expression.output_field
    except FieldError:
        return None


# Django 5.2, 6.0, 6.1: a resolved expression's columns are Col, or what refers to them.
def aliases(expression: Any) -> set[str]:
    """Name the tables, by their aliases in the query, that an expression takes columns from."""
    if isinstance(expression, Col):
        return {str(expression.alias)}
    parts = [part for part in expression.get_source_expressions() if part is not None]
    return set().union(*map(aliases, parts))


# Django 5.2, 6.0, 6.1: Subquery and Exists keep their query in `query`; a Query can stand for
# itself among the parts of an expression.
def query_of(expression: Any) -> Any:
    """Return the query that an expression runs, None if it runs none."""
    if isinstance(expression, Query):
        return expression
    return expression.query if isinstance(expression, Subquery) else None


def has_query(expression: Any) -> bool:
    """Tell whether an expression, or a part of it, runs a query of its own."""
    parts = [part for part in parts_of(expression) if part is not None]
    return query_of(expression) is not None or any(map(has_query, parts))


# Django 5.2, 6.0, 6.1: expressions keep what their constructor was called with; a Q that has
# been resolved is a Node, which has no constructor of that kind. Of both, what is an
# expression itself is among the source expressions once more, resolved: so is all that is
# given as `expression` or `expressions`, where text names a field.
def arguments_of(expression: Any) -> list[Any]:
    """Return what an expression was made with, less the expressions."""
    if isinstance(expression, Node):
        return [expression.connector, expression.negated]
    args, kwargs = getattr(expression, "_constructor_args", ((), {}))
    bound = inspect.signature(type(expression).__init__).bind_partial(expression, *args, **kwargs)
    _, *given = bound.arguments.items()
    return [
        (name, value)
        for name, value in given
        if name not in {"expression", "expressions"} and not is_expression(value)
    ]


def is_expression(value: Any) -> bool:
    return hasattr(value, "resolve_expression")


def parts_of(expression: Any) -> list[Any]:
    """Return the expressions in an expression, None for one that it may have and has not."""
    if isinstance(expression, Node):
        return list(expression.children)
    return list(expression.get_source_expressions())


# Django 5.2, 6.0, 6.1: a column of a table is a Col, of the alias and field that it was made by.
def own_field(expression: Any, alias: str) -> Any:
    """Return the field that `expression` is the plain column of in the table `alias`, or None."""
    is_own = isinstance(expression, Col) and expression.alias == alias
    return expression.target if is_own else None
