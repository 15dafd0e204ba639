"""A MySQL or MariaDB session: variables, role, database, and what a query makes of them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from django.db.backends.utils import CursorWrapper

from ...django_internals.connections import lend_driver_connection
from ..session import NotAssured, Session

#: Variables that differ between any two sessions, or that the private one sets for itself.
INDIFFERENT = re.compile(
    r"pseudo_thread_id|timestamp|identity|insert_id|last_insert_id|rand_seed[12]|in_transaction"
    r"|(?:error|warning)_count|(?:tx|transaction)_(?:isolation|read_only)|net_write_timeout"
    r"|last_gtid|gtid_.*|statement_id"
)
#: What the driver decodes by, which it does not learn from the server.
CHARACTER_SETS = re.compile(r"character_set_(?:client|connection|results)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

#: Functions whose answer depends on the session, or that write.
SESSION_FUNCTIONS = re.compile(
    r"\b(?:(?:last_insert|connection|ps_current_thread|ps_thread)_id|found_rows|row_count"
    r"|get_lock|is_(?:free|used)_lock|release_(?:all_)?locks?|(?:last|next|set)val)\s*\("
    r"|\b(?:next|previous)\s+value\s+for\b|@",
    re.IGNORECASE,
)
IDENTIFIER = re.compile(r"`((?:[^`]|``)+)`|\"((?:[^\"]|\"\")+)\"|([^\W\d][\w$]*)")
ENGINE = re.compile(r"\bENGINE ?= ?(\w+)")

#: Engines that read a snapshot. The others would keep their tables locked for as long as
#: the stream goes on, against the caller's own writes too.
SNAPSHOT_ENGINES = {"INNODB", "ROCKSDB", "TOKUDB"}

#: Seconds that the server waits for a loop that is slow to fetch: as long as it can.
PATIENCE = 31536000

#: Seconds to wait for a table that is locked, perhaps by the caller.
LOCK_PATIENCE = 2


class Facts(NamedTuple):
    """What decides about rows in one session."""

    variables: dict[str, str]
    user: str
    role: str | None
    database: str | None

    def differences(self, other: Facts) -> list[str]:
        """Name the variables that the two do not have in common."""
        return sorted(
            name
            for name in self.variables.keys() | other.variables.keys()
            if self.variables.get(name) != other.variables.get(name)
            and not INDIFFERENT.fullmatch(name)
        )


class MySQLSession(Session):
    """Variables, role and database, carried into one consistent, read-only snapshot."""

    def survey(self, plan: str | None) -> None:
        """Read the caller's session: 3 queries, and one for each table."""
        if found := SESSION_FUNCTIONS.search(self.statement.sql):
            raise NotAssured(f"the answer depends on the session in {found[0]}")
        with self.connection.cursor() as cursor:
            self._facts = read_facts(cursor)
            if self._facts.variables.get("in_transaction", "0") not in {"0", "OFF"}:
                raise NotAssured("the caller has begun a transaction, whose rows only it can see")
            for table in mentioned(cursor, self.statement.sql):
                judge(table, definition(cursor, table))

    def transfer(self, driver_connection: Any) -> None:
        """Compare, carry over what differs, plan the statement and begin: 7 to 10 queries."""
        with self.cursor(driver_connection) as cursor:
            self._match(cursor)
            # The caller itself may have locked the tables.
            cursor.execute(f"SET SESSION lock_wait_timeout = {LOCK_PATIENCE}")
            cursor.execute(f"EXPLAIN {self.statement.sql}", self.statement.params)
            cursor.fetchall()
            lock_wait = int(self._facts.variables["lock_wait_timeout"])
            cursor.execute(
                f"SET SESSION net_write_timeout = {PATIENCE}, lock_wait_timeout = {lock_wait}"
            )
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def _match(self, cursor: CursorWrapper) -> None:
        private = read_facts(cursor)
        if carry_over(cursor, self._facts, private):
            private = read_facts(cursor)
        if private._replace(variables={}) != self._facts._replace(variables={}):
            raise NotAssured("its user, role or database is not the caller's")
        if differing := self._facts.differences(private):
            raise NotAssured(f"its {', '.join(differing)} cannot be made the caller's")

    def server_side_cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make an unbuffered cursor: the driver connection's class of cursor decides that."""
        driver_connection.cursorclass = import_module("MySQLdb.cursors").SSCursor
        with lend_driver_connection(self.connection, driver_connection) as lent:
            cursor: CursorWrapper = lent.chunked_cursor()
        return cursor

    def ending(
        self, driver_connection: Any, cursors: Iterable[CursorWrapper]
    ) -> list[Callable[[], None]]:
        """Roll back, or hang up where there are rows that nobody will read."""
        return [partial(end_transaction, driver_connection), *(cursor.close for cursor in cursors)]


def end_transaction(driver_connection: Any) -> None:
    """Roll back; where rows are still on their way, shut the socket instead.

    The driver would read them all before it closes a cursor or a connection.
    """
    try:
        driver_connection.rollback()
    except driver_connection.Error:
        with socket.socket(fileno=os.dup(driver_connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def read_facts(cursor: CursorWrapper) -> Facts:
    """Read the session of `cursor`: 2 queries."""
    cursor.execute(
        "SELECT CURRENT_USER(), CURRENT_ROLE(), DATABASE(), @@SESSION.sql_select_limit < ~0,"
        " ABS(UNIX_TIMESTAMP(SYSDATE(6)) - @@SESSION.timestamp) > 1"
    )
    user, role, database, is_limited, is_clock_set = cursor.fetchone()
    if is_limited:
        raise NotAssured("sql_select_limit is set, which hides part of the session as well")
    if is_clock_set:
        raise NotAssured("the session has set its clock")
    cursor.execute("SHOW SESSION VARIABLES")
    return Facts(dict(cursor.fetchall()), user, role, database)


def carry_over(cursor: CursorWrapper, caller: Facts, private: Facts) -> bool:
    """Give the private session what the caller's has: up to 3 queries. Tell if any was needed."""
    differing = caller.differences(private)
    if unknown := [name for name in differing if CHARACTER_SETS.fullmatch(name)]:
        raise NotAssured(f"{unknown[0]} was changed, on which the driver has its own word")
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
    """Numbers must be given as such; SHOW VARIABLES shows everything as text."""
    if value is None or not NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def role_sql(role: str | None) -> str:
    """Write CURRENT_ROLE() for SET ROLE: MySQL quotes its roles, MariaDB has one and does not."""
    if role in (None, "NONE"):
        return "NONE"
    return role if role.startswith("`") else quoted(role)


def quoted(name: str) -> str:
    return "`{}`".format(name.replace("`", "``"))


def mentioned(cursor: CursorWrapper, sql: str) -> list[tuple[str, str]]:
    """Return the tables, as schema and name, that any word of `sql` may mean: one query.

    Raise NotAssured where a word is the name of a stored function. Temporary tables are not
    listed: they matter where they have the name of another table, as a new session does not
    know the others, and says so.
    """
    words = sorted({next(filter(None, word)) for word in IDENTIFIER.findall(sql)})
    marks = ", ".join(["%s"] * len(words))
    cursor.execute(
        "SELECT TABLE_SCHEMA, TABLE_NAME, 0 FROM information_schema.TABLES"
        f" WHERE TABLE_NAME IN ({marks}) AND TABLE_SCHEMA IN (DATABASE(), {marks})"
        " UNION ALL SELECT ROUTINE_SCHEMA, ROUTINE_NAME, 1 FROM information_schema.ROUTINES"
        f" WHERE ROUTINE_NAME IN ({marks}) AND ROUTINE_SCHEMA IN (DATABASE(), {marks})"
        " AND ROUTINE_TYPE <> 'PROCEDURE'",
        words * 4,
    )
    found = cursor.fetchall()
    for _schema, name, is_routine in found:
        if is_routine:
            raise NotAssured(f"the answer may depend on the session in the function {name}")
    return [(schema, name) for schema, name, _is_routine in found]


def definition(cursor: CursorWrapper, table: tuple[str, str]) -> str:
    """Read how `table` was made, as the session of `cursor` sees it: one query."""
    cursor.execute(f"SHOW CREATE TABLE {quoted(table[0])}.{quoted(table[1])}")
    return str(cursor.fetchone()[1])


def judge(table: tuple[str, str], text: str) -> None:
    """Raise NotAssured where `table` may not show every session the same rows."""
    name = ".".join(table)
    engines = {engine.upper() for engine in ENGINE.findall(text)}
    if text.startswith("CREATE TEMPORARY"):
        raise NotAssured(f"{name} is a temporary table of the session's own")
    if not text.startswith("CREATE TABLE"):
        raise NotAssured(f"{name} is a view, which may look at the session")
    if not engines or engines - SNAPSHOT_ENGINES:
        raise NotAssured(f"{name} is in an engine that has no snapshots")
    generated = [line for line in text.splitlines() if "GENERATED ALWAYS" in line]
    if any(map(SESSION_FUNCTIONS.search, generated)):
        raise NotAssured(f"a generated column of {name} depends on the session")
