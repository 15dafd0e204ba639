"""Compiling a queryset and reading its rows, as far as Django's documentation leaves that out.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import names_digest as names_digest
from django.db.models import QuerySet
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from .expressions import unfold

#: A selected column as SQL with its parameters.
Column = tuple[str, tuple[Any, ...]]

#: The unit that moves between the stages: raw rows as the driver gave them.
Block = list[tuple[Any, ...]]


class Statement(NamedTuple):
    """A query as text, with its parameters."""

    sql: str
    params: tuple[Any, ...]


class Compiled(NamedTuple):
    """A queryset's statement, and the compiler that knows what its columns mean."""

    statement: Statement | None
    """None where Django knows without asking that there are no rows."""
    compiler: SQLCompiler
    places: Sequence[int] = ()
    """Where in a raw row the columns stand that were asked for in addition."""


class Extra(NamedTuple):
    """A column to fetch beside those that a queryset selects."""

    column: Expression
    shown_by: Expression | None = None
    """A column that serves as well, if it is fetched anyway."""


# Django 5.2, 6.0, 6.1: as_sql() fills compiler.select, klass_info, annotation_col_map
# and col_count.
def compile_select(
    queryset: QuerySet[Any],
    connection: BaseDatabaseWrapper,
    extra: Sequence[Extra] = (),
) -> Compiled:
    """Compile `queryset` for `connection`.

    The `extra` columns that it does not select anyway come after the others in a raw row.
    """
    compiler: Any = queryset.query.get_compiler(using=connection.alias)
    if extra:
        compiler_class: Any = type(compiler)
        compiler.__class__ = with_extra_columns(compiler_class)
        compiler.extra = extra
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return Compiled(None, compiler)
    statement = Statement(sql, tuple(params))
    if not extra:
        return Compiled(statement, compiler)
    return Compiled(statement, compiler, compiler.extra_places)


# Django 5.2, 6.0, 6.1: get_extra_select() returns the columns that are fetched after the
# selected ones and cut off again (col_count), which is just what a key column is.
class _ExtraColumns(SQLCompiler):
    """A compiler that fetches further columns with each row."""

    extra: Sequence[Extra]
    extra_places: Sequence[int] = ()
    """Where in a raw row they stand."""
    extra_width: int = 0

    def get_extra_select(self, order_by: Any, select: Any) -> list[Any]:
        columns: list[Any] = []
        places: list[int] = []
        known, width = _places(select)
        for extra in self.extra:
            shown = self._compiled_column(extra.shown_by or extra.column)
            if (place := known.get(shown)) is None:
                place = width + len(columns)
                column = self._compiled_column(extra.column)
                columns.append((extra.column, column, None))
                known[column] = place
            places.append(place)
        self.extra_places, self.extra_width = places, width + len(columns)
        # Django's own come last: they are those of DISTINCT, which the order decides about.
        return [*columns, *super().get_extra_select(order_by, select)]

    def _compiled_column(self, expression: Expression) -> Column:
        sql, params = self.compile(expression)
        return sql, tuple(params)


def fetched_width(compiler: Any) -> int:
    """Count the columns that a compiled query fetches, without those that DISTINCT adds."""
    return int(compiler.extra_width)


@cache
def with_extra_columns(compiler_class: Any) -> Any:
    """Return a subclass of a compiler's class that fetches further columns."""
    return type(compiler_class.__name__, (_ExtraColumns, compiler_class), {})


# Django 5.2, 6.0, 6.1: compile() writes a resolved expression as it stands in the query.
def compile_expression(
    expression: Any, queryset: QuerySet[Any, Any], connection: BaseDatabaseWrapper
) -> Statement:
    """Return an expression that `queryset` has resolved, as SQL with its parameters."""
    sql, params = queryset.query.get_compiler(connection=connection).compile(expression)
    return Statement(sql, tuple(params))


def _places(select: Any) -> tuple[dict[Column, int], int]:
    """Return where each selected column stands, and the width of all."""
    known: dict[Column, int] = {}
    width = 0
    for expression, (sql, params), _ in select:
        known.setdefault((sql, tuple(params)), width)
        width += len(unfold(expression))
    return known, width


# Django 5.2, 6.0, 6.1: select is filled by as_sql(); DISTINCT selects more after it.
def selected_width(compiler: SQLCompiler) -> int:
    """Count the columns that the compiled query selects, without those after them."""
    return sum(len(unfold(expression)) for expression, _, _ in compiler.select)


# Django 5.2, 6.0, 6.1: has_extra_select, where DISTINCT selects what the order is of.
def cut_to_selected(compiler: SQLCompiler, block: Block) -> Block:
    """Return raw rows without the columns that follow the selected ones."""
    if not compiler.has_extra_select:
        return block
    # col_count takes a composite expression for one column.
    width = selected_width(compiler)
    return [row[:width] for row in block]


# Django 5.2, 6.0, 6.1: each iterable class asks query.get_compiler() for its compiler and
# that for its rows, through execute_sql() or results_iter(), which calls execute_sql().
def iterate_block(queryset: Any, compiler: Any, block: Block) -> list[Any]:
    """Turn raw rows into rows by the queryset's own iterable class, as Django would."""
    block = cut_to_selected(compiler, block)
    compiler.execute_sql = lambda *args, **kwargs: [block]
    queryset.query.get_compiler = lambda *args, **kwargs: compiler
    try:
        return list(queryset._iterable_class(queryset, chunked_fetch=True))
    finally:
        del queryset.query.get_compiler, compiler.execute_sql
