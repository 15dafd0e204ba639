"""One column of a keyset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count, Field, QuerySet, Value
from django.db.models.expressions import Expression, OrderBy
from django.db.models.functions import Coalesce, Length, Lower, Trim, Upper
from django.db.models.sql.compiler import SQLCompiler

from ..databases.base import Database
from ..databases.value_transport import Transport
from ..django_internals.expressions import Col, field_of
from ..django_internals.queries import QueryInfo
from .fingerprint import fingerprint

#: Functions that are NULL only where one of their arguments is.
KEEPS_NULLS = (Length, Lower, Trim, Upper)


@dataclass(frozen=True)
class KeyColumn:
    """An expression of the order, its direction, and the place of its NULLs."""

    expression: Expression
    """Resolved: the same object orders, compares and is selected."""
    descending: bool
    nulls_first: bool | None
    """None leaves the place of NULLs to the database."""
    nullable: bool
    fingerprint: str
    """What the expression means, as text that is the same in each process."""
    tie_breaker: str = ""
    """How to name the column in `order_by()`, when it only makes the order total."""

    def reverse(self) -> KeyColumn:
        """Return the column of the order that is walked from its end."""
        return replace(
            self,
            descending=not self.descending,
            nulls_first=None if self.nulls_first is None else not self.nulls_first,
            tie_breaker=self.tie_breaker and reversed_name(self.tie_breaker),
        )

    def order(self) -> OrderBy:
        """Return the column as a term of `order_by()`.

        Where there are no NULLs, their place is not named: an index that has them elsewhere
        serves the order all the same.
        """
        nulls_first = self.nulls_first if self.nullable else None
        return OrderBy(
            self.expression,
            descending=self.descending,
            nulls_first=True if nulls_first else None,
            nulls_last=True if nulls_first is False else None,
        )

    def has_nulls_first(self, database: Database) -> bool:
        """Return whether this database has the column's NULLs before its values."""
        if self.nulls_first is not None:
            return self.nulls_first
        return database.has_nulls_first != self.descending

    @property
    def signature(self) -> str:
        """The column with its direction, as text that is the same in each process."""
        nulls = {None: "", True: " nulls first", False: " nulls last"}[self.nulls_first]
        return f"{self.fingerprint}{' desc' if self.descending else ''}{nulls}"


def key_column(
    expression: Expression,
    source: QuerySet[Any, Any],
    info: QueryInfo,
    *,
    descending: bool,
    nulls_first: bool | None = None,
    tie_breaker: str = "",
) -> KeyColumn:
    """Return `expression`, which `source` has resolved, as a key column."""
    nullable = _is_nullable(expression, info.outer_joined)
    known = fingerprint(expression, source.query)
    return KeyColumn(expression, descending, nulls_first, nullable, known, tie_breaker)


def name_of(expression: Any) -> str:
    """Return what messages call an expression of the order."""
    return repr(expression.target.name) if isinstance(expression, Col) else str(expression)


def reversed_name(name: str) -> str:
    """Return a term of `order_by()` in the other direction."""
    return name[1:] if name.startswith("-") else f"-{name}"


def _is_nullable(expression: Any, outer_joined: frozenset[str]) -> bool:
    if isinstance(expression, Col):
        field = expression.target
        # A table that Django has not made may be a view, whose columns can all be NULL.
        return field.null or expression.alias in outer_joined or not field.model._meta.managed
    if isinstance(expression, Value):
        return expression.value is None
    if type(expression) is Count:
        return False
    arguments = [
        _is_nullable(argument, outer_joined)
        for argument in expression.get_source_expressions()
        if argument is not None
    ]
    if type(expression) is Coalesce:
        return all(arguments)
    return any(arguments) if type(expression) in KEEPS_NULLS else True


class KeyValue(Expression):
    """A key column as it is selected for positions."""

    def __init__(self, expression: Expression, transport: Transport) -> None:
        super().__init__(output_field=field_of(expression) or Field())
        self.expression = expression
        self.transport = transport

    def get_source_expressions(self) -> list[Any]:
        return [self.expression]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.expression,) = exprs

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        sql, params = compiler.compile(self.expression)
        return self.transport.sql(sql), tuple(params) * self.transport.uses

    def get_group_by_cols(self) -> list[Any]:
        return list(self.expression.get_group_by_cols())


#: NULL of a column's type: whose values a driver may not be able to read.
TYPE_ALONE = Transport("CASE WHEN 1 = 0 THEN ", " END")
