"""Connections, as far as Django's documentation leaves them out.

Each piece names the Django versions it was read and tested against.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .pools import is_from_psycopg, pool_of, require_room, take


# Django 5.2, 6.0, 6.1: get_autocommit() would connect; autocommit is what it returns then.
def in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the caller is in a transaction: by atomic(), or with autocommit off."""
    if connection.connection is None:  # not yet opened, or closed
        return connection.in_atomic_block or not connection.settings_dict["AUTOCOMMIT"]
    return connection.in_atomic_block or not connection.autocommit


# Django 5.2, 6.0, 6.1: the list of on_commit() hooks is replaced when a transaction or a
# savepoint is rolled back, and when hooks run after a commit. Holding the list keeps its
# identity from being used again.
def transaction_mark(connection: BaseDatabaseWrapper) -> object:
    """Return an object that stays the same for as long as nothing has been undone or ended."""
    return connection.run_on_commit


# Django 5.2, 6.0, 6.1: _cursor() makes every cursor from wrapper.connection, the driver's
# connection, and hands it to CursorWrapper together with the wrapper, whose
# execute_wrappers, queries_log and patched cursor() watch what it runs. A cursor that is
# made while another driver connection stands there is watched like any other one of the
# wrapper's. health_check_done keeps _cursor() from testing (and closing) the lent one.
@contextmanager
def lend_driver_connection(connection: Any, driver_connection: Any) -> Iterator[Any]:
    """Let `connection` make its cursors on `driver_connection` while the block runs."""
    own, checked = connection.connection, connection.health_check_done
    connection.connection, connection.health_check_done = driver_connection, True
    try:
        yield connection
    finally:
        connection.connection, connection.health_check_done = own, checked


# Django 5.2, 6.0, 6.1: connect() takes the driver's connection from get_new_connection(),
# which asks a pool if there is one and waits as long as that does, 30 seconds by default.
def connect_apart(connection: BaseDatabaseWrapper, timeout: float) -> Any:
    """Open a second connection with the settings of `connection`.

    A pool is asked for at most `timeout` seconds; what it raises then is an
    OperationalError, like a server's that has no room.
    """
    private: Any = connection.copy()
    # Cached properties, which a wrapper works out from the settings of the time.
    private.timezone, private.timezone_name = connection.timezone, connection.timezone_name
    pool, pooled = pool_of(private), None
    with private.wrap_database_errors:
        if is_from_psycopg(pool):
            pooled = take(pool, timeout)
            private.get_new_connection = lambda conn_params: pooled
        elif pool is not None:
            require_room(pool)
        try:
            private.connect()
        except BaseException:
            if pooled is not None:
                private.connection = pooled
            close_apart(private)
            raise
    return private


# Django 5.2, 6.0, 6.1: get_new_connection() gives these to the driver, but refuses to in an
# event loop, where a dropped iterator may have a query to cancel.
def connect_driver(connection: Any) -> Any:
    """Open a connection of the driver alone, with the parameters of `connection`."""
    return connection.Database.connect(**connection.get_connection_params())


# Django 5.2, 6.0, 6.1: close() checks the thread and refuses to run in an event loop, where
# a dropped generator may well end; _close() hands the driver's connection back to its pool
# or closes it, and does neither.
def close_apart(private: Any) -> None:
    """Close a connection of connect_apart(), from whichever thread."""
    try:
        if private.connection is not None:
            private._close()
    finally:
        private.connection = None
        for name, part in list(vars(private).items()):
            # features, ops and the like: without them, nothing refers back to the wrapper.
            if any(value is private for value in getattr(part, "__dict__", {}).values()):
                del private.__dict__[name]


# Django 5.2, 6.0, 6.1: ensure_connection() connects where `connection` is None, by connect(),
# which resets what is known of transactions.
def begin_unconnected(connection: Any) -> None:
    """Let `connection` connect when it is needed, and leave what it had alone."""
    connection.connection = None


# Django 5.2, 6.0, 6.1: close() is for the thread that made the wrapper, unless that is shared.
def disconnect(connection: Any) -> None:
    """Close the connection of another thread, which connects again when it needs to."""
    connection.inc_thread_sharing()
    try:
        connection.close()
    finally:
        connection.dec_thread_sharing()


# Django 5.2, 6.0, 6.1: ensure_connection() connects where `connection` is None, by connect(),
# which resets the wrapper's state; _close() closes or gives back to its pool what stands
# there. A pool may have no room for another while it has not got the lost one back, and
# others that were lost with it: check() replaces those.
@contextmanager
def reconnected(connection: Any) -> Iterator[None]:
    """Put a new driver connection in the place of a lost one, or leave that if the block fails."""
    lost, pool = connection.connection, pool_of(connection)
    if pool is not None:
        lost = None
        connection.close()
    if is_from_psycopg(pool):
        pool.check()
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


# Django 5.2, 6.0, 6.1, with psycopg 3: BaseTzLoader has psycopg move a timestamp to the
# connection's time zone, in Python or, since 6.1, in C, and puts its own `timezone` in the
# place of that.
def is_django_loader(loader: Any) -> bool:
    """Return whether a loader of psycopg's reads timestamps just as Django's does."""
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader

    return getattr(loader, "load", None) is BaseTzLoader.load


# Django 5.2, 6.0, 6.1: connections[alias] is of the thread; setting it is what Django's
# LiveServerThread does. A wrapper refuses other threads unless its sharing was counted up.
@contextmanager
def borrowed(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let this thread use another thread's connection, which waits meanwhile."""
    alias = connection.alias
    own = getattr(connections._connections, alias, None)  # type: ignore[attr-defined]
    if own is connection:
        yield
        return
    connections[alias] = connection
    connection.inc_thread_sharing()
    try:
        yield
    finally:
        connection.dec_thread_sharing()
        if own is None:
            del connections[alias]
        else:
            connections[alias] = own
