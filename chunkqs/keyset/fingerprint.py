"""The fingerprint of an expression: text that is the same in each process, for tokens.

Two orders have two fingerprints, and one order has one, whatever the query is filtered by. It is
of what an expression means: a column is named by the relations that lead to its table, a class by
its name and its function in SQL, a subquery by what it asks for, and a set by its sorted values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from django.db.models import F, Field, Lookup, Model, QuerySet

from ..django_internals.expressions import (
    Col,
    Query,
    arguments_of,
    is_expression,
    parts_of,
    query_of,
)
from ..django_internals.queries import has_alias, path_to, query_parts

# What has no __repr__ of its own shows its address, which no other process has.
ADDRESS = re.compile(r" (?:object )?at 0x[0-9a-fA-F]+")


def fingerprint(expression: Any, *queries: Query) -> str:
    """Return the text of an expression that the first of `queries` has resolved; the others are
    those around it, from the inside out."""
    if isinstance(expression, Col):
        return _of_column(expression, queries)
    if isinstance(expression, F):
        return f"{type(expression).__qualname__}({_shown(arguments_of(expression))})"
    if (query := query_of(expression)) is not None:
        return f"{type(expression).__qualname__}({_of_query(query, queries)})"
    return f"{_name(expression)}({', '.join(_parts(expression, queries))})"


def _of_column(column: Any, queries: tuple[Query, ...]) -> str:
    for depth, query in enumerate(queries):
        if has_alias(query, column.alias):
            outside = "^" * depth
            return ".".join(
                [outside + part for part in path_to(column.alias, query)]
                + [outside + column.target.attname]
            )
    return str(column.target.attname)


def _of_query(query: Query, queries: tuple[Query, ...]) -> str:
    return _joined(f"{name}={_shown(part, query, *queries)}" for name, part in query_parts(query))


def _name(expression: Any) -> str:
    """Name what an expression does: its class, and what SQL calls it."""
    if isinstance(expression, Lookup):
        return str(expression.lookup_name)
    function = getattr(expression, "function", None)
    name = type(expression).__qualname__
    return f"{name}[{function}]" if isinstance(function, str) else name


def _parts(expression: Any, queries: tuple[Query, ...]) -> Iterator[str]:
    """Yield what an expression was made with, and the expressions in it."""
    for argument in arguments_of(expression):
        yield _shown(argument, *queries)
    for part in parts_of(expression):
        yield _shown(part, *queries)


def _shown(value: Any, *queries: Query) -> str:
    """Return a value as text that has nothing of this process."""
    if isinstance(value, QuerySet):
        value = value.query
    if isinstance(value, Query):
        return _of_query(value, queries)
    if is_expression(value):
        return fingerprint(value, *queries)
    if isinstance(value, Field):
        _, _, args, options = value.deconstruct()
        return f"{type(value).__qualname__}({_shown(args)}, {_shown(options)})"
    if isinstance(value, Model):
        return f"{value._meta.label_lower}({value.pk!r})"
    return _shown_plain(value, queries)


def _shown_plain(value: Any, queries: tuple[Query, ...]) -> str:
    if isinstance(value, set | frozenset):
        return _joined(sorted(_shown(one, *queries) for one in value))
    if isinstance(value, dict):
        pairs = (f"{_shown(key)}: {_shown(one, *queries)}" for key, one in value.items())
        return _joined(sorted(pairs))
    if isinstance(value, list | tuple):
        return _joined(_shown(one, *queries) for one in value)
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, type):
        return value._meta.label_lower if hasattr(value, "_meta") else value.__qualname__
    return ADDRESS.sub("", getattr(value, "__qualname__", None) or repr(value))


def _joined(texts: Iterable[str]) -> str:
    return f"({', '.join(texts)})"
