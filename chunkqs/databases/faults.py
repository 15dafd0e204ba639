"""Errors of the database that pass: after which of them it pays to ask again."""

from __future__ import annotations

from enum import Enum

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

from .drivers import MYSQL_LOST, sqlstate


class Fault(Enum):
    """What came between a walk and its rows."""

    LOST = "the connection was lost"
    TIMEOUT = "the query took longer than the database allows"
    CONFLICT = "another transaction was in the way"


#: Serialisation failure (a replica's recovery conflict too), deadlock, lock timeout.
CONFLICT_STATES = {"40001", "40P01", "55P03"}
QUERY_CANCELED = "57014"
#: The same code as a timeout has, but someone wants the query to end. PostgreSQL says so in
#: the language of `lc_messages`.
USER_REQUEST = "user request"

#: Lock wait timeout, deadlock.
MYSQL_CONFLICTS = {1205, 1213}
#: MariaDB's max_statement_time, MySQL's max_execution_time.
MYSQL_TIMEOUTS = {1969, 3024}
#: Beside the client's own errors: closed by this side, shutdown, killed while it ran or
#: before, closed for idleness.
MYSQL_ENDED = MYSQL_LOST | {0, 1053, 1317, 1927, 4031}

SQLITE_BUSY = 5


def fault_of(connection: BaseDatabaseWrapper, error: Error) -> Fault | None:
    """Return what kind of fault `error` is; None for what the same query would meet again."""
    if is_disconnected(connection, error):
        return Fault.LOST
    if (state := sqlstate(error)) is not None:
        return _postgresql_fault(state, error)
    if connection.vendor == "mysql":
        return _mysql_fault(error.args[0] if error.args else None)
    if connection.vendor == "sqlite":
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        return Fault.CONFLICT if code & 0xFF == SQLITE_BUSY else None
    return None


def is_disconnected(connection: BaseDatabaseWrapper, error: Error) -> bool:
    """Tell whether `connection` can run no more queries, or could not be had at all.

    psycopg2 and psycopg 3 know that themselves, whatever the error's code: psycopg2 has none
    where the server went without a word. mysqlclient has to ask the server.
    """
    driver_connection = connection.connection
    if driver_connection is None:
        return connection.vendor != "sqlite"
    if connection.vendor == "mysql":
        return bool(MYSQL_ENDED.intersection(error.args[:1])) and not connection.is_usable()
    return bool(getattr(driver_connection, "closed", False))


def _postgresql_fault(state: str, error: Error) -> Fault | None:
    if state in CONFLICT_STATES:
        return Fault.CONFLICT
    if state == QUERY_CANCELED and USER_REQUEST not in str(error):
        return Fault.TIMEOUT
    return None


def _mysql_fault(code: object) -> Fault | None:
    if code in MYSQL_CONFLICTS:
        return Fault.CONFLICT
    return Fault.TIMEOUT if code in MYSQL_TIMEOUTS else None
