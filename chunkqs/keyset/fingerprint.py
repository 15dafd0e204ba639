"""An expression as text that is the same in each process: what the tokens of an order go by.

Two orders must not have the same text. Nor may one order have two, whatever the query is
filtered by: a column is named by the way that leads to its table, not by the table's alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.db.models.expressions import Col

from ..django_internals import expressions as expression_internals
from ..django_internals import queries as order_internals
from ..django_internals.routing import planning_alias

# What has no __repr__ of its own shows its address, which no other process has.
ADDRESS = re.compile(r" (?:object )?at 0x[0-9a-fA-F]+")


def describe(expression: Any, source: QuerySet[Any, Any]) -> str:
    """Return the text of an expression that `source` has resolved."""
    if isinstance(expression, Col):
        way = order_internals.way_to(expression.alias, source)
        return ".".join([*way, expression.target.attname])
    if (query := expression_internals.query_of(expression)) is not None:
        return _described_query(expression, query, source)
    kind = type(expression)
    return f"{kind.__module__}.{kind.__qualname__}({', '.join(_parts(expression, source))})"


def _described_query(expression: Any, query: Any, source: QuerySet[Any, Any]) -> str:
    try:
        sql, params = query.get_compiler(using=planning_alias(source)).as_sql()
    except EmptyResultSet:
        sql, params = "", ()
    return f"{type(expression).__name__}({sql}, {_shown(params)})"


def _parts(expression: Any, source: QuerySet[Any, Any]) -> Iterator[str]:
    """Yield what an expression was made with, and the expressions in it."""
    for argument in expression_internals.arguments_of(expression):
        yield _shown(argument)
    for part in expression_internals.parts_of(expression):
        yield "None" if part is None else describe(part, source)


def _shown(value: Any) -> str:
    return ADDRESS.sub("", repr(value))
