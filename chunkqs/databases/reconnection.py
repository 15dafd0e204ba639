"""A new connection in place of a lost one, where the two surely show the same rows.

A session may have a role, a search path, variables, locks and temporary tables of its own,
which go with its connection. To walk on without them could show another tenant's rows, and
would leave the caller's own code without them too. So the session is read while it is
there, and the new one must be its like; nothing is carried over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from ..django_internals.connections import reconnected
from .mysql.session import INDIFFERENT as MYSQL_INDIFFERENT
from .mysql.session import SESSION_FUNCTIONS, definition, mentioned
from .mysql.session import read_facts as read_mysql_facts
from .postgresql.session import IDLE, INDIFFERENT, explain, judge, read_facts
from .private_connection import errors_as_doubt, session_of
from .session import NotAssured

#: What a session has that is not in the database: a dictionary of names.
State = dict[str, Any]

# Only what another session of the same settings would not have; the rest is FACTS' to judge.
SESSION = """
SELECT pg_catalog.json_build_object(
    'user', current_user,
    'session user', session_user,
    'role', pg_catalog.current_setting('role'),
    'database', pg_catalog.current_database(),
    'search path', ARRAY(SELECT s FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) s
                         WHERE s !~ '^pg_temp_'),
    'temporary tables', ARRAY(SELECT relname FROM pg_catalog.pg_class
                              WHERE relnamespace = pg_catalog.pg_my_temp_schema()),
    'advisory locks', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks
                       WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()),
    'channels', ARRAY(SELECT pg_catalog.pg_listening_channels()),
    'settings', (SELECT pg_catalog.json_object_agg(name, setting) FROM pg_catalog.pg_settings
                 WHERE source IN ('database', 'user', 'database user', 'client', 'session')
                 AND name NOT IN ('transaction_isolation', 'transaction_read_only',
                                  'transaction_deferrable'))
)::text
"""
# Policies look at variables that nobody can list, and the caller's loop may depend on them
# where the walk does not.
SECURED = """
SELECT relname FROM pg_catalog.pg_class
WHERE relrowsecurity AND pg_catalog.row_security_active(oid) LIMIT 1
"""


class CallersSession:
    """The session that a walk began in, remembered for the case that its connection is lost."""

    def __init__(self, connection: BaseDatabaseWrapper, statement: Statement) -> None:
        """Read the session, to know its like: one query on PostgreSQL.

        On MySQL and MariaDB 3 queries, and one for each table of `statement`.
        """
        self._connection = connection
        self._statement = statement
        self._state: State = {}
        self._doubt: NotAssured | None = None
        try:
            with errors_as_doubt("its session could not be read"):
                self._state = self._read()
        except NotAssured as reason:
            self._doubt = reason

    def assure(self) -> None:
        """Raise NotAssured where it is known already that no other session could stand in."""
        if self._doubt is not None:
            raise self._doubt

    def reconnect(self) -> None:
        """Connect anew. The connection stays as it is, lost, where that fails or is refused.

        Raises NotAssured where the new session might show other rows than the old one.
        """
        with reconnected(self._connection):
            _compare(self._state, self._read())
            if self._connection.vendor == "postgresql":
                _judge_postgresql(self._connection, self._statement)

    def _read(self) -> State:
        session_of(self._connection, self._statement)
        with self._connection.cursor() as cursor:
            return READERS[self._connection.vendor](cursor, self._statement)


def _compare(old: State, new: State) -> None:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise NotAssured(
                f"its {name} was {old.get(name)!r}, a new session's is {new.get(name)!r}"
            )


def _read_postgresql(cursor: CursorWrapper, statement: Statement) -> State:
    if cursor.connection.info.transaction_status != IDLE:
        raise NotAssured("the caller had begun a transaction")
    cursor.execute(SESSION)
    state: State = json.loads(cursor.fetchone()[0])
    settings = state.pop("settings") or {}
    return state | {f"setting {name}": settings[name] for name in settings.keys() - INDIFFERENT}


def _judge_postgresql(connection: BaseDatabaseWrapper, statement: Statement) -> None:
    """Raise NotAssured where rows may depend on what cannot be read from a session."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        plan = explain(cursor, statement)
        judge(read_facts(cursor, plan, statement), plan, statement)
        cursor.execute(SECURED)
        if secured := cursor.fetchone():
            raise NotAssured(f"row-level security is active on {secured[0]}")


def _read_mysql(cursor: CursorWrapper, statement: Statement) -> State:
    if found := SESSION_FUNCTIONS.search(statement.sql):
        raise NotAssured(f"the answer depends on the session in {found[0]}")
    facts = read_mysql_facts(cursor)
    for table in mentioned(cursor, statement.sql):
        if not definition(cursor, table).startswith("CREATE TABLE"):
            raise NotAssured(f"{'.'.join(table)} is a temporary table or a view")
    state = {"user": facts.user, "role": facts.role, "database": facts.database}
    return state | {
        f"variable {name}": value
        for name, value in facts.variables.items()
        if not MYSQL_INDIFFERENT.fullmatch(name)
    }


READERS: dict[str, Callable[[CursorWrapper, Statement], State]] = {
    "postgresql": _read_postgresql,
    "mysql": _read_mysql,
}
