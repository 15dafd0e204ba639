"""One column of a keyset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count, Field, QuerySet, Value
from django.db.models.expressions import Col, Expression, OrderBy
from django.db.models.functions import Coalesce, Length, Lower, Trim, Upper
from django.db.models.sql.compiler import SQLCompiler

from ..django_internals import expressions as expression_internals
from ..django_internals import queries as order_internals
from .fingerprint import describe

#: Functions that are NULL only where one of their arguments is.
KEEPS_NULLS = (Length, Lower, Trim, Upper)

#: Floats of 4 bytes, which no field of Django's own has, and those that hold them exactly.
SINGLE_PRECISION = {"real", "float4", "float"}
DOUBLE = {"postgresql": "double precision", "mysql": "double"}


@dataclass(frozen=True)
class KeyColumn:
    """An expression of the order, its direction, and the place of its NULLs."""

    expression: Expression
    """Resolved: the same object orders, compares and is selected."""
    descending: bool
    nulls_first: bool | None
    """None leaves the place of NULLs to the database."""
    nullable: bool
    name: str
    """The expression as text, the same in each process."""
    tie_breaker: str = ""
    """How to name the column in `order_by()`, when it only makes the order total."""

    def reverse(self) -> KeyColumn:
        """Return the column of the order that is walked from its end."""
        name = self.tie_breaker
        return replace(
            self,
            descending=not self.descending,
            nulls_first=None if self.nulls_first is None else not self.nulls_first,
            tie_breaker=name and (name[1:] if name[0] == "-" else f"-{name}"),
        )

    def order(self) -> OrderBy:
        """Return the column as a term of `order_by()`.

        An index may fit the order that has NULLs in another place: where there are none,
        theirs is not asked for.
        """
        nulls_first = self.nulls_first if self.nullable else None
        return OrderBy(
            self.expression,
            descending=self.descending,
            nulls_first=True if nulls_first else None,
            nulls_last=True if nulls_first is False else None,
        )

    def has_nulls_first(self, connection: BaseDatabaseWrapper) -> bool:
        """Tell on which side of the values this database has the column's NULLs."""
        if self.nulls_first is not None:
            return self.nulls_first
        return bool(connection.features.order_by_nulls_first) != self.descending

    @property
    def description(self) -> str:
        """The column as text that is the same in each process."""
        nulls = {None: "", True: " nulls first", False: " nulls last"}[self.nulls_first]
        return f"{self.name}{' desc' if self.descending else ''}{nulls}"


def key_column(
    expression: Expression,
    source: QuerySet[Any, Any],
    *,
    descending: bool,
    nulls_first: bool | None = None,
    tie_breaker: str = "",
) -> KeyColumn:
    """Return `expression`, which `source` has resolved, as a key column."""
    nullable = _is_nullable(expression, order_internals.outer_joined(source))
    name = describe(expression, source)
    return KeyColumn(expression, descending, nulls_first, nullable, name, tie_breaker)


def _is_nullable(expression: Any, outer_joined: set[str]) -> bool:
    if isinstance(expression, Col):
        return expression.target.null or expression.alias in outer_joined
    arguments = [
        argument for argument in expression.get_source_expressions() if argument is not None
    ]
    if isinstance(expression, Value):
        return expression.value is None
    if type(expression) is Count:
        return False
    if type(expression) is Coalesce:
        return all(_is_nullable(argument, outer_joined) for argument in arguments)
    if type(expression) in KEEPS_NULLS:
        return any(_is_nullable(argument, outer_joined) for argument in arguments)
    return True


def is_moment(expression: Expression, connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the values are shown in the session's time zone, which has an hour twice."""
    field = expression_internals.field_of(expression)
    return connection.vendor == "postgresql" and (
        field is not None and field.db_type(connection) == "timestamp with time zone"
    )


class Stored(Expression):
    """A key column's value as it is stored.

    On SQLite the driver converts a column's value by the type that the column was declared
    with, which loses what the type does not hold. It does not do so for an expression. Of a
    float of 4 bytes the others show less than they compare. A moment is selected as it is
    in UTC: in other time zones two are shown alike, when the clocks are put back.
    """

    def __init__(self, expression: Expression) -> None:
        super().__init__(output_field=expression_internals.field_of(expression) or Field())
        self.expression = expression

    def get_source_expressions(self) -> list[Any]:
        return [self.expression]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self.expression,) = exprs

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        sql, params = compiler.compile(self.expression)
        if connection.vendor == "sqlite":
            sql = f"+({sql})"
        elif is_moment(self.expression, connection):
            sql = f"({sql}) AT TIME ZONE 'UTC'"
        elif self.output_field.db_type(connection) in SINGLE_PRECISION:
            sql = f"{sql} + CAST(0 AS {DOUBLE[connection.vendor]})"
        return sql, tuple(params)

    def get_group_by_cols(self) -> list[Any]:
        return list(self.expression.get_group_by_cols())
