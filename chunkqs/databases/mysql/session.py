"""A MySQL or MariaDB session: variables, role, database, and what a query makes of them."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any

from django.db.backends.utils import CursorWrapper

from ...django_internals.connections import lend_driver_connection
from ..answers import Explanation
from ..session import Session, SessionMismatch, compare
from .session_facts import (
    SessionFacts,
    Table,
    quoted,
    read_facts,
    read_tables,
    refuse_session_functions,
)

#: What the driver decodes by, which it does not learn from the server.
CHARACTER_SETS = re.compile(r"character_set_(?:client|connection|results)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

#: Seconds that the server waits for a loop that is slow to fetch: as long as it can.
WRITE_TIMEOUT = 31536000

#: What SO_LINGER takes: on, for 0 seconds.
RESET = struct.pack("ii", 1, 0)

#: Seconds to wait for a table that is locked, perhaps by the caller.
LOCK_TIMEOUT = 2

#: MariaDB's and MySQL's limits to the time that a statement takes. While rows are fetched from
#: an unbuffered cursor they count the caller's loop.
STATEMENT_TIMEOUTS = ("max_statement_time", "max_execution_time")


class MySQLSession(Session):
    """Variables, role and database, carried into one consistent, read-only snapshot."""

    _caller: SessionFacts

    def survey(self, explanation: Explanation | None) -> None:
        """Read the caller's session: 3 queries, and one for each table."""
        for table in self._read():
            if not table.has_snapshots:
                raise SessionMismatch("a table is in an engine that has no snapshots:", table.label)

    def transfer(self, driver_connection: Any) -> None:
        """Compare, carry over what differs, plan the statement and begin: 7 to 10 queries."""
        with self.cursor(driver_connection) as cursor:
            self._match(cursor)
            # The caller itself may have locked the tables.
            cursor.execute(f"SET SESSION lock_wait_timeout = {LOCK_TIMEOUT}")
            cursor.execute(f"EXPLAIN {self.statement.sql}", self.statement.params)
            cursor.fetchall()
            cursor.execute("SET " + ", ".join(self._own_variables()))
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def _match(self, cursor: CursorWrapper) -> None:
        private = read_facts(cursor)
        if carry_over(cursor, self._caller, private):
            private = read_facts(cursor)
        compare(self._caller.visible(), private.visible())

    def _own_variables(self) -> list[str]:
        variables = self._caller.variables
        own = {
            "net_write_timeout": WRITE_TIMEOUT,
            "lock_wait_timeout": int(variables["lock_wait_timeout"]),
            **dict.fromkeys(variables.keys() & set(STATEMENT_TIMEOUTS), 0),
        }
        return [f"SESSION {name} = {value}" for name, value in own.items()]

    def server_side_cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make an unbuffered cursor: the driver connection's class of cursor decides that."""
        driver_connection.cursorclass = import_module("MySQLdb.cursors").SSCursor
        with lend_driver_connection(self.connection, driver_connection) as lent:
            cursor: CursorWrapper = lent.chunked_cursor()
        return cursor

    def closing_steps(
        self, driver_connection: Any, cursors: Iterable[CursorWrapper]
    ) -> list[Callable[[], None]]:
        """Roll back, or shut the socket where there are rows that nobody will read."""
        return [partial(end_transaction, driver_connection), *(cursor.close for cursor in cursors)]

    def remember(self) -> None:
        """Read the caller's session: 3 queries, and one for each table."""
        self._read()

    def check_replacement(self) -> None:
        """Read the new session and compare: 3 queries, and one for each table."""
        remembered = self._caller
        self._read()
        compare(remembered.visible(), self._caller.visible())

    def describe(self, explanation: Explanation | None) -> SessionFacts:
        """Read the caller's session: 3 queries, and one for each table."""
        self._read()
        return self._caller

    def compare_with(self, described: SessionFacts) -> None:
        """Read this session and compare: 3 queries, and one for each table."""
        self._read()
        compare(described.visible(), self._caller.visible())

    def _read(self) -> list[Table]:
        """Read the caller's session; return the tables of the statement."""
        refuse_session_functions(self.statement.sql)
        with self.connection.cursor() as cursor:
            self._caller = read_facts(cursor)
            if self._caller.is_in_transaction:
                raise SessionMismatch(
                    "the caller has begun a transaction, whose rows only it can see"
                )
            return read_tables(cursor, self.statement.sql)


def end_transaction(driver_connection: Any) -> None:
    """Roll back; where rows are still on their way, shut the socket instead.

    The driver would read them all before it closes a cursor or a connection. A server that waits
    for room in the socket is told by a reset: it takes no notice of an end.
    """
    try:
        driver_connection.rollback()
    except driver_connection.Error:
        with socket.socket(fileno=os.dup(driver_connection.fileno())) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            line.shutdown(socket.SHUT_RDWR)


def carry_over(cursor: CursorWrapper, caller: SessionFacts, private: SessionFacts) -> bool:
    """Set on the private session what differs: up to 3 queries. Return whether any was run."""
    differing = caller.differing_variables(private)
    if unknown := [name for name in differing if CHARACTER_SETS.fullmatch(name)]:
        raise SessionMismatch(
            f"{unknown[0]} was changed, which the driver of a new connection would not know"
        )
    if differing:
        cursor.execute(
            "SET " + ", ".join(f"SESSION {name} = %s" for name in differing),
            [typed(caller.variables.get(name)) for name in differing],
        )
    if caller.role != private.role:
        cursor.execute(f"SET ROLE {role_sql(caller.role)}")
    if caller.database != private.database and caller.database:
        cursor.execute(f"USE {quoted(caller.database)}")
    return bool(differing) or caller[1:] != private[1:]


def typed(value: str | None) -> str | int | float | None:
    """Return a variable's value as SET takes it: SHOW VARIABLES shows numbers as text."""
    if value is None or not NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def role_sql(role: str | None) -> str:
    """Write CURRENT_ROLE() for SET ROLE: MySQL quotes its roles, MariaDB has one and does not."""
    if role in (None, "NONE"):
        return "NONE"
    return role if role.startswith("`") else quoted(role)
