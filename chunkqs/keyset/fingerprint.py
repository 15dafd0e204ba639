"""The fingerprint of an expression: text that is the same in each process, for tokens.

Two orders have two fingerprints, and one order has one, whatever the query is filtered by: a
column is named by the relations that lead to its table, not by the table's alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from ..django_internals.compiler import statement_of
from ..django_internals.expressions import Col, arguments_of, parts_of, query_of
from ..django_internals.queries import path_to
from ..django_internals.routing import planning_alias

# What has no __repr__ of its own shows its address, which no other process has.
ADDRESS = re.compile(r" (?:object )?at 0x[0-9a-fA-F]+")


def fingerprint(expression: Any, source: QuerySet[Any, Any]) -> str:
    """Return the text of an expression that `source` has resolved."""
    if isinstance(expression, Col):
        return ".".join([*path_to(expression.alias, source), expression.target.attname])
    if (query := query_of(expression)) is not None:
        return _of_query(expression, query, source)
    kind = type(expression)
    return f"{kind.__module__}.{kind.__qualname__}({', '.join(_parts(expression, source))})"


def _of_query(expression: Any, query: Any, source: QuerySet[Any, Any]) -> str:
    sql, params = statement_of(query, planning_alias(source)) or ("", ())
    return f"{type(expression).__name__}({sql}, {_shown(params)})"


def _parts(expression: Any, source: QuerySet[Any, Any]) -> Iterator[str]:
    """Yield what an expression was made with, and the expressions in it."""
    for argument in arguments_of(expression):
        yield _shown(argument)
    for part in parts_of(expression):
        yield "None" if part is None else fingerprint(part, source)


def _shown(value: Any) -> str:
    return ADDRESS.sub("", repr(value))
