"""Every use of a part of Django that its documentation does not promise.

Each piece names the Django versions it was read and tested against; a release
that moves one of these parts shows up here and in `tests/test_internals.py`,
nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.expressions import ColPairs, Expression, Ref
from django.db.models.sql.compiler import SQLCompiler

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


# Django 5.2, 6.0, 6.1: as_sql() fills compiler.select, klass_info, annotation_col_map
# and col_count. get_extra_select() returns the columns that are fetched behind the
# selected ones and cut off again (col_count), which is just what a key column is.
def compile_select(
    queryset: QuerySet[Any],
    connection: BaseDatabaseWrapper,
    extra: Sequence[Expression] = (),
) -> Compiled:
    """Compile `queryset` for `connection`.

    The `extra` columns that it does not select anyway come behind the others in a raw row.
    """
    compiler = queryset.query.get_compiler(using=connection.alias)
    places: list[int] = []
    if extra:
        _select_extra(compiler, extra, places)
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return Compiled(None, compiler)
    return Compiled(Statement(sql, tuple(params)), compiler, places)


def _select_extra(compiler: SQLCompiler, extra: Sequence[Expression], places: list[int]) -> None:
    django_extra_select = compiler.get_extra_select

    def get_extra_select(order_by: Any, select: Any) -> list[Any]:
        columns: list[Any] = []
        known, width = _places(select)
        places.clear()  # of an earlier call
        for column in extra:
            sql, params = compiler.compile(column)
            place = known.get(sql)
            if place is None or params:
                place = width + len(columns)
                columns.append((column, (sql, params), None))
            places.append(place)
        # Last are Django's own, of DISTINCT, which the order decides about.
        return [*columns, *django_extra_select(order_by, select)]

    compiler.get_extra_select = get_extra_select  # type: ignore[method-assign]


def _places(select: Any) -> tuple[dict[str, int], int]:
    """Return where each selected column without parameters stands, and the width of all."""
    known: dict[str, int] = {}
    width = 0
    for expression, (sql, params), _ in select:
        if not params:
            known.setdefault(sql, width)
        width += len(unfold(expression))
    return known, width


# Django 5.2, 6.0, 6.1: ColPairs is the primary key of a CompositePrimaryKey, one selected
# expression of several columns. Ref and its child PositionRef stand for a selected one.
def unfold(expression: Any) -> list[Any]:
    """Return the columns that an expression of the order stands for."""
    while isinstance(expression, Ref):
        expression = expression.get_source_expressions()[0]
    return expression.get_cols() if isinstance(expression, ColPairs) else [expression]


# Django 5.2, 6.0, 6.1: select is filled by as_sql(); DISTINCT selects more behind it.
def selected_width(compiler: SQLCompiler) -> int:
    """Count the columns that the compiled query selects, without those behind them."""
    return sum(len(unfold(expression)) for expression, _, _ in compiler.select)


# Django 5.2, 6.0, 6.1: each iterable class asks query.get_compiler() for its compiler and
# that for its rows, through execute_sql() or results_iter(), which calls execute_sql().
def iterate_block(queryset: Any, compiler: Any, block: Block) -> list[Any]:
    """Turn raw rows into rows by the queryset's own iterable class, as Django would."""
    if compiler.has_extra_select:
        # col_count takes a composite expression for one column.
        width = selected_width(compiler)
        block = [row[:width] for row in block]
    compiler.execute_sql = lambda *args, **kwargs: [block]
    queryset.query.get_compiler = lambda *args, **kwargs: compiler
    try:
        return list(queryset._iterable_class(queryset, chunked_fetch=True))
    finally:
        del queryset.query.get_compiler, compiler.execute_sql
