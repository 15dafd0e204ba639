"""What MySQL and MariaDB tell of a session, and of the tables that a statement reads."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.db.backends.utils import CursorWrapper

from ..session import SessionMismatch

#: Variables that differ between any two sessions, or that the private one sets for itself.
INDIFFERENT = re.compile(
    r"pseudo_thread_id|timestamp|identity|insert_id|last_insert_id|rand_seed[12]|in_transaction"
    r"|(?:error|warning)_count|(?:tx|transaction)_(?:isolation|read_only)|net_write_timeout"
    r"|last_gtid|gtid_.*|statement_id"
)

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


class SessionFacts(NamedTuple):
    """What a session is, beyond the server that it is on."""

    variables: dict[str, str]
    user: str
    role: str | None
    database: str | None

    def visible(self) -> dict[str, object]:
        """Return by name what decides which rows a query shows."""
        variables = {
            f"variable {name}": value
            for name, value in self.variables.items()
            if not INDIFFERENT.fullmatch(name)
        }
        return {"user": self.user, "role": self.role, "database": self.database, **variables}

    def differing_variables(self, other: SessionFacts) -> list[str]:
        """Name the variables that the two do not have in common."""
        return sorted(
            name
            for name in self.variables.keys() | other.variables.keys()
            if self.variables.get(name) != other.variables.get(name)
            and not INDIFFERENT.fullmatch(name)
        )

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction has been begun, as far as the server shows it."""
        return self.variables.get("in_transaction", "0") not in {"0", "OFF"}


class Table(NamedTuple):
    """A table that a statement may read."""

    label: str
    definition: str
    """What SHOW CREATE TABLE says."""

    @property
    def has_snapshots(self) -> bool:
        """Whether it can be read in a transaction without locking it."""
        engines = {engine.upper() for engine in ENGINE.findall(self.definition)}
        return bool(engines) and engines <= SNAPSHOT_ENGINES

    def refuse_if_dependent(self) -> None:
        """Raise SessionMismatch where it may not show every session the same rows."""
        if self.definition.startswith("CREATE TEMPORARY"):
            raise SessionMismatch("the session has a temporary table,", self.label)
        if not self.definition.startswith("CREATE TABLE"):
            raise SessionMismatch("a view may look at the session:", self.label)
        generated = [line for line in self.definition.splitlines() if "GENERATED ALWAYS" in line]
        if any(map(SESSION_FUNCTIONS.search, generated)):
            raise SessionMismatch("a generated column depends on the session in", self.label)


def read_facts(cursor: CursorWrapper) -> SessionFacts:
    """Read the session of `cursor`: 2 queries."""
    cursor.execute(
        "SELECT CURRENT_USER(), CURRENT_ROLE(), DATABASE(), @@SESSION.sql_select_limit < ~0,"
        " ABS(UNIX_TIMESTAMP(SYSDATE(6)) - @@SESSION.timestamp) > 1"
    )
    user, role, database, is_limited, is_clock_set = cursor.fetchone()
    if is_limited:
        raise SessionMismatch("sql_select_limit is set, which hides part of the session as well")
    if is_clock_set:
        raise SessionMismatch("the session has set its clock")
    cursor.execute("SHOW SESSION VARIABLES")
    return SessionFacts(dict(cursor.fetchall()), user, role, database)


def refuse_session_functions(sql: str) -> None:
    """Raise SessionMismatch where `sql` calls a function that looks at the session."""
    if found := SESSION_FUNCTIONS.search(sql):
        raise SessionMismatch("the answer depends on the session in", found[0])


def read_tables(cursor: CursorWrapper, sql: str) -> list[Table]:
    """Read how each table that `sql` may mean was made: one query, and one for each table.

    Raise SessionMismatch where one may not show every session the same rows.
    """
    tables = []
    for schema, name in _mentioned(cursor, sql):
        cursor.execute(f"SHOW CREATE TABLE {quoted(schema)}.{quoted(name)}")
        tables.append(Table(f"{schema}.{name}", str(cursor.fetchone()[1])))
        tables[-1].refuse_if_dependent()
    return tables


def _mentioned(cursor: CursorWrapper, sql: str) -> list[tuple[str, str]]:
    """Return the schema and name of each table that any word of `sql` may mean: one query.

    Raise SessionMismatch where a word is the name of a stored function. Temporary tables are
    not listed: they matter where they have the name of another table, as a new session does
    not know the others, and says so.
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
            raise SessionMismatch("the answer may depend on the session in the function", name)
    return [(schema, name) for schema, name, _is_routine in found]


def quoted(name: str) -> str:
    """Quote an identifier."""
    return "`{}`".format(name.replace("`", "``"))
