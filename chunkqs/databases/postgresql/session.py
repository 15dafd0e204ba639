"""A PostgreSQL session: settings, role, search path, and what a query makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ...django_internals.compiler import Statement
from ...django_internals.connections import lend_driver_connection
from ..answers import Explanation
from ..session import Session, SessionMismatch, compare
from .plan import Plan, called, read_plan, session_functions, without_literals
from .pooler import require_second_process
from .psycopg import State, driver_of
from .session_facts import SessionFacts, StatementFacts, read_facts, read_session

#: What a stream sets for itself. Compiling a plan just in time takes tens of milliseconds
#: before the first row, and wins nothing where the client is the slower end. The transaction
#: stays open, and mostly idle, for as long as the caller's loop takes: that is no mistake.
OWN_SETTINGS = {"jit": "off", "idle_in_transaction_session_timeout": "0"}
#: The same for newer servers, by the version that has the setting.
NEWER_SETTINGS = {170000: {"transaction_timeout": "0"}}

#: Settings that two sessions with the same rows may differ in: pgbouncer writes the first.
INDIFFERENT = {"application_name", "transaction_timeout", *OWN_SETTINGS}

#: Tables, as schema and name.
Relations = Collection[tuple[str, str]]

IDLE = 0  # psycopg2 and psycopg 3 number the states of a transaction as libpq does


class PostgreSQLSession(Session):
    """Settings, role and search path, carried into one REPEATABLE READ, READ ONLY transaction.

    Everything happens inside that transaction, so it is right behind pgbouncer in
    transaction pooling, and leaves nothing on a connection that goes back to a pool.
    """

    def __init__(self, connection: BaseDatabaseWrapper, statement: Statement) -> None:
        super().__init__(connection, statement)
        self._driver = driver_of(connection)
        self._plan = Plan.of(None)
        self._caller: SessionFacts
        self._before: State | None = None

    def survey(self, explanation: Explanation | None) -> None:
        """Read the caller's session: one query on the caller's connection."""
        self._refuse_open_transaction()
        self._plan = Plan.of(explanation)
        with self.connection.cursor() as cursor:
            self._caller, touched = self._read(cursor, self._plan)
        if "client_encoding" in self._caller.changed:
            raise SessionMismatch(
                "client_encoding was changed, which the driver of a new connection would not know"
            )
        self._refuse_dependent(self._caller, touched, self._plan)

    def transfer(self, driver_connection: Any) -> None:
        """Carry over, plan the statement to lock what it reads, and compare: 3 queries."""
        self._before = self._driver.state(driver_connection)
        self._driver.copy_types(self.connection.connection, driver_connection)
        self._driver.begin_snapshot(driver_connection)
        with self.cursor(driver_connection) as cursor:
            self._carry_over(cursor, driver_connection.info)
            self._compare(cursor, self._caller, self._plan.relations)

    def _compare(self, cursor: CursorWrapper, caller: SessionFacts, relations: Relations) -> None:
        """Plan the statement to lock what it reads, and compare: 2 queries."""
        plan = read_plan(cursor, self.statement)
        private, touched = self._read(cursor, plan)
        compare(
            {**caller.visible(INDIFFERENT), "server": caller.server},
            {**private.visible(INDIFFERENT), "server": private.server},
        )
        if relations and relations != plan.relations:
            raise SessionMismatch("the statement reads other tables there")
        if shadowed := sorted({*caller.temporary_tables}.intersection(touched.relations)):
            raise SessionMismatch("the caller has a temporary table", f"in place of {shadowed[0]}")
        self._refuse_dependent(private, touched, plan)
        if private.pid == caller.pid:
            require_second_process(self.connection.connection)

    def _carry_over(self, cursor: CursorWrapper, info: Any) -> None:
        caller = self._caller
        settings = {name: caller.settings[name] for name in caller.changed}
        if caller.session_user != info.user:
            settings["session_authorization"] = caller.session_user
        options = self.connection.settings_dict["OPTIONS"]
        ordinary_role = options.get("assume_role") or "none"
        ordinary = {"TimeZone": self.connection.timezone_name}
        own = own_settings(info.server_version)
        if settings.items() <= ordinary.items() and caller.role == ordinary_role:
            settings = own  # Django has made the others on both connections alike
        else:
            # Last: the role may not be allowed to make the other settings.
            settings = {**settings, **own, "role": caller.role}
        cursor.execute(
            "SELECT pg_catalog.set_config(key, value, true)"
            " FROM pg_catalog.json_each_text(%s::json)",
            [json.dumps(settings)],
        )

    def server_side_cursor(self, driver_connection: Any) -> CursorWrapper:
        """Make a named cursor; without autocommit Django makes it without WITH HOLD."""
        with lend_driver_connection(self.connection, driver_connection) as lent:
            cursor: CursorWrapper = lent.chunked_cursor()
        return cursor

    def closing_steps(
        self, driver_connection: Any, cursors: Iterable[CursorWrapper]
    ) -> list[Callable[[], None]]:
        """Roll back, which ends the cursor on the server and takes every setting back."""
        closes = [cursor.close for cursor in cursors]
        if self._before is None:
            return closes
        return self._driver.closing_steps(driver_connection, closes, self._before)

    def remember(self) -> None:
        """Read the caller's session, and its scope along with it: one query."""
        self._refuse_open_transaction()
        with self.connection.cursor() as cursor:
            self._caller, self.scope = read_session(cursor)
        self._refuse_secured(self._caller)

    def check_replacement(self) -> None:
        """Compare, then plan the statement for what it reads: 3 queries in a transaction."""
        self._refuse_open_transaction()
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            new, _touched = read_facts(cursor)
            compare(
                {**self._caller.visible(INDIFFERENT), **self._caller.held()},
                {**new.visible(INDIFFERENT), **new.held()},
            )
            self._refuse_secured(new)
            plan = read_plan(cursor, self.statement)
            new, touched = self._read(cursor, plan)
        self._refuse_dependent(new, touched, plan)

    def describe(self, explanation: Explanation | None) -> tuple[SessionFacts, Relations]:
        """Read the caller's session: one query."""
        self.survey(explanation)
        return self._caller, self._plan.relations

    def compare_with(self, described: tuple[SessionFacts, Relations]) -> None:
        """Compare, in a transaction that is open: 2 queries."""
        with self.connection.cursor() as cursor:
            self._compare(cursor, *described)

    def _read(self, cursor: CursorWrapper, plan: Plan) -> tuple[SessionFacts, StatementFacts]:
        return read_facts(cursor, plan.relations, plan.functions | called(self.statement.sql))

    def _refuse_dependent(self, session: SessionFacts, touched: StatementFacts, plan: Plan) -> None:
        """Refuse a statement whose rows may depend on what cannot be read from a session."""
        views = [without_literals(view) for view in touched.views]
        functions = plan.functions.union(called(self.statement.sql), *map(called, views))
        text = " ".join([self.statement.sql, *plan.expressions])
        operators = [name for name in touched.operators if name in text]
        reasons = {
            "row-level security is active on": touched.secured,
            "row-level security may be active, as its owner, behind a view on": (
                touched.with_policies if views else []
            ),
            "the statement reads a foreign table,": touched.foreign_tables,
            "the session has a temporary type,": session.temporary_types,
            "the answer depends on the session in the function": session_functions(functions),
            "the answer may depend on the session in the function": touched.functions,
            "the answer may depend on the session in the operator": operators,
            "the answer may depend on the session in a cast's function": touched.casts,
        }
        for reason, names in reasons.items():
            if names:
                raise SessionMismatch(reason, ", ".join(names))

    def _refuse_open_transaction(self) -> None:
        if self.connection.connection.info.transaction_status != IDLE:
            raise SessionMismatch("the caller has begun a transaction, whose rows only it can see")

    def _refuse_secured(self, facts: SessionFacts) -> None:
        """Policies look at variables that nobody can list. The caller's loop may depend on them
        where the walk does not."""
        if facts.secured:
            raise SessionMismatch("row-level security is active on", facts.secured[0])


def own_settings(server_version: int) -> dict[str, str]:
    """Return what a stream sets for itself on a server of this version."""
    newer = [more for version, more in NEWER_SETTINGS.items() if server_version >= version]
    return {**OWN_SETTINGS, **{name: value for more in newer for name, value in more.items()}}
