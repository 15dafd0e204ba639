"""Pools that wrappers take their connections from.

Each piece names the versions that it was read and tested against.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

NO_ROOM = "the connection pool has no connection to spare"
#: Seconds to wait for a pool that looks full: one of its connections may be on its way back, or
#: being opened.
MOMENT = 0.25


# Django 5.2, 6.0, 6.1: `pool` is a property without a promise, a psycopg_pool.ConnectionPool or
# None (PostgreSQL, psycopg 3, OPTIONS["pool"]). django-db-geventpool 4.0 has one of its own,
# whose get() waits without end.
def pool_of(connection: Any) -> Any:
    """Return the pool that `connection` takes its driver connection from, or None."""
    return getattr(connection, "pool", None)


# Django 5.2, 6.0, 6.1: the wrapper of PostgreSQL keeps its pools by alias, in its class.
def known_pool(connection: Any) -> Any:
    """Return the pool that wrappers of this alias have taken connections from, if there is one."""
    return getattr(connection, "_connection_pools", {}).get(connection.alias)


def forget_pool(connection: Any) -> None:
    """Let `connection` make a pool of its own, and leave the one that there is alone."""
    connection._connection_pools.pop(connection.alias, None)


def is_from_psycopg(pool: Any) -> bool:
    """Return whether `pool` is one of psycopg_pool's."""
    return hasattr(pool, "getconn") and hasattr(pool, "get_stats")


def pool_size(connection: Any) -> int | None:
    """Return how many connections the pool of `connection` may have, None where nobody knows."""
    try:
        return _size(pool_of(connection))
    except ImproperlyConfigured:  # which connecting will say, too
        return None


def _size(pool: Any) -> int | None:
    most = getattr(pool, "max_size" if is_from_psycopg(pool) else "maxsize", None)
    return most if isinstance(most, int) else None


def take(pool: Any, timeout: float) -> Any:
    """Take a connection from a pool of psycopg_pool's, and wait at most `timeout` seconds.

    Wait a moment where all of its connections seem to be taken. Raise OperationalError, as a
    server does that has no room, where there is none to spare.
    """
    from psycopg_pool import PoolTimeout

    pool.open()
    stats = pool.get_stats()
    is_full = not stats.get("pool_available") and stats.get("pool_size", 0) >= pool.max_size
    try:
        return pool.getconn(timeout=min(timeout, MOMENT) if is_full else timeout)
    except PoolTimeout as error:
        raise OperationalError(NO_ROOM) from error


def require_room(pool: Any) -> None:
    """Raise OperationalError where a pool of another kind is known to have no room."""
    most, idle = _size(pool), getattr(pool, "pool", None)
    if most is None or idle is None:
        return
    if pool.size >= most and not idle.qsize():
        raise OperationalError(NO_ROOM)
