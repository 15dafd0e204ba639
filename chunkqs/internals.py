"""Every use of a part of Django that its documentation does not promise.

Each piece names the Django versions it was read and tested against; a release
that moves one of these parts shows up here and in `tests/test_internals.py`,
nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import OperationalError
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


# Django 5.2, 6.0, 6.1: the list of on_commit() hooks is replaced when a transaction or a
# savepoint is rolled back, and when hooks run after a commit. Holding the list keeps its
# identity from being used again.
def transaction_mark(connection: BaseDatabaseWrapper) -> object:
    """Return an object that stays the same for as long as nothing has been undone or ended."""
    return connection.run_on_commit


# Django 5.2, 6.0, 6.1: what prefetch_related() was given, for prefetch_related_objects().
def prefetch_lookups(queryset: QuerySet[Any, Any]) -> tuple[Any, ...]:
    """Return the lookups that `queryset` prefetches."""
    return tuple(queryset._prefetch_related_lookups)  # type: ignore[attr-defined]


# Django 5.2, 6.0, 6.1: _cursor() makes every cursor from wrapper.connection, the driver's
# connection, and hands it to CursorWrapper together with the wrapper, whose
# execute_wrappers, queries_log and patched cursor() watch what it runs. A cursor that is
# made while another driver connection stands there is watched like any other one of the
# wrapper's. health_check_done keeps _cursor() from testing (and closing) the lent one.
@contextmanager
def lend_driver_connection(connection: Any, driver_connection: Any) -> Iterator[Any]:
    """Let `connection` make its cursors on `driver_connection` for a moment."""
    own, checked = connection.connection, connection.health_check_done
    connection.connection, connection.health_check_done = driver_connection, True
    try:
        yield connection
    finally:
        connection.connection, connection.health_check_done = own, checked


# Django 5.2, 6.0, 6.1: connect() takes the driver's connection from get_new_connection(),
# which asks the pool of OPTIONS["pool"] (PostgreSQL, psycopg 3) and waits as long as the
# pool does, 30 seconds by default. `pool` is a property without a promise.
def connect_apart(connection: BaseDatabaseWrapper, patience: float) -> Any:
    """Open a second connection with the settings of `connection`.

    A pool is asked for at most `patience` seconds; what it raises then is an
    OperationalError, like a server's that has no room.
    """
    private: Any = connection.copy()
    # Cached properties, which a wrapper works out from the settings of the time.
    private.timezone, private.timezone_name = connection.timezone, connection.timezone_name
    pool = getattr(private, "pool", None)
    with private.wrap_database_errors:
        if pool is not None:
            pooled = _from_pool(pool, patience)
            private.get_new_connection = lambda conn_params: pooled
        try:
            private.connect()
        except BaseException:
            if pool is not None:
                private.connection = pooled
            close_apart(private)
            raise
    return private


def _from_pool(pool: Any, patience: float) -> Any:
    pool.open()
    stats = pool.get_stats()
    if not stats.get("pool_available") and stats.get("pool_size", 0) >= pool.max_size:
        raise OperationalError("the connection pool has no connection to spare")
    return pool.getconn(timeout=patience)


# Django 5.2, 6.0, 6.1: close() checks the thread and refuses to run in an event loop, where
# a dropped generator may well end; _close() hands the driver's connection back to its pool
# or closes it, and does neither.
def close_apart(private: Any) -> None:
    """Close a connection of connect_apart(), from whichever thread."""
    try:
        private._close()
    finally:
        private.connection = None


# Django 5.2, 6.0, 6.1: ensure_connection() connects where `connection` is None, by connect(),
# which sets the wrapper's state anew; _close() closes or gives back to its pool what stands
# there. A pool may have no room for another while it has not got the lost one back, and
# others that were lost with it: check() replaces those.
@contextmanager
def reconnected(connection: Any) -> Iterator[None]:
    """Put a new driver connection in the place of a lost one, or leave that if the block fails."""
    lost, pool = connection.connection, getattr(connection, "pool", None)
    if pool is not None:
        connection.close()
        pool.check()
        lost = None
    connection.connection = None
    try:
        connection.ensure_connection()
        yield
    except BaseException:
        if connection.connection is not None:
            connection._close()
        connection.connection = lost
        raise
    if lost is not None:
        with suppress(connection.Database.Error):  # it has gone already
            lost.close()


# Django 6.1: FETCH_PEERS keeps a list of peers on each instance; 5.2 and 6.0 have no modes.
def tracks_peers(queryset: QuerySet[Any, Any]) -> bool:
    """Tell whether the rows of `queryset` will fetch for each other."""
    mode = getattr(queryset, "_fetch_mode", None)
    return mode is not None and bool(mode.track_peers)


# Django 5.2, 6.0, 6.1, with psycopg 3: BaseTzLoader has psycopg move a timestamp to the
# connection's time zone, in Python or, since 6.1, in C, and puts its own `timezone` in the
# place of that.
def is_djangos_loader(loader: Any) -> bool:
    """Tell whether a loader of psycopg's reads timestamps as Django's does, and no other way."""
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader

    return getattr(loader, "load", None) is BaseTzLoader.load
