"""A PostgreSQL session: settings, role, search path, and what a query makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ...django_internals.compiler import Statement
from ...django_internals.connections import lend_driver_connection
from ..session import NotAssured, Session
from .plan import Plan, called, session_functions, without_literals

#: Extensions whose functions look at nothing but their arguments.
TRUSTED_EXTENSIONS = [
    "address_standardizer", "btree_gin", "btree_gist", "citext", "cube", "earthdistance",
    "fuzzystrmatch", "hstore", "intarray", "isn", "ltree", "pg_trgm", "pgcrypto", "postgis",
    "postgis_raster", "postgis_sfcgal", "seg", "tsm_system_rows", "tsm_system_time", "unaccent",
    "uuid-ossp", "vector",
]  # fmt: skip

#: What a stream sets for itself. Compiling a plan just in time takes tens of milliseconds
#: before the first row, and wins nothing where the client is the slower end. The transaction
#: is idle for as long as the caller works on a chunk, which nobody has forgotten.
OWN_SETTINGS = {"jit": "off", "idle_in_transaction_session_timeout": "0"}

#: Settings that two sessions with the same rows may differ in: pgbouncer writes the first.
INDIFFERENT = {"application_name", *OWN_SETTINGS}

IDLE = 0  # psycopg2 and psycopg 3 number the states of a transaction as libpq does

# Read in both sessions alike. pg_locks names every relation that was parsed, rewritten or
# planned in the running transaction: views, partitioned parents and what the planner proved
# empty, none of which a plan shows. 16384 is the first oid that is not PostgreSQL's own.
FACTS = """
WITH parameters AS (
    SELECT %s::text[] AS schemas, %s::text[] AS names, %s::text[] AS functions,
           %s::text[] AS trusted
), relations AS (
    SELECT c.oid, c.relname, c.relkind, c.relrowsecurity
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind NOT IN ('i', 'I', 't') AND n.nspname <> 'pg_catalog' AND (
        c.oid IN (SELECT relation FROM pg_catalog.pg_locks
                  WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation')
        OR (n.nspname, c.relname) IN (SELECT pg_catalog.unnest(schemas),
                                             pg_catalog.unnest(names) FROM parameters))
), rules AS (
    SELECT r.oid FROM pg_catalog.pg_rewrite r JOIN relations ON relations.oid = r.ev_class
), doubtful AS (
    SELECT p.oid, p.proname FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384
    AND NOT (p.prokind = 'f' AND p.provolatile = 'i' AND l.lanname IN ('c', 'internal'))
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid, parameters
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
        AND d.deptype = 'e' AND e.extname = ANY (trusted))
)
SELECT pg_catalog.json_build_object(
    'user', current_user,
    'session_user', session_user,
    'role', pg_catalog.current_setting('role'),
    'server', pg_catalog.json_build_array(
        pg_catalog.current_database(), pg_catalog.pg_is_in_recovery(),
        extract(epoch FROM pg_catalog.pg_postmaster_start_time())),
    'path', ARRAY(SELECT s FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) s
                  WHERE s !~ '^pg_temp_'),
    'settings', (
        SELECT pg_catalog.json_object_agg(name, pg_catalog.json_build_array(
            setting, source = 'session' AND context IN ('user', 'superuser')))
        FROM pg_catalog.pg_settings
        WHERE source IN ('database', 'user', 'database user', 'client', 'session')
        AND name NOT IN ('transaction_isolation', 'transaction_read_only',
                         'transaction_deferrable')),
    'temporary', ARRAY(SELECT relname FROM pg_catalog.pg_class
                       WHERE relnamespace = pg_catalog.pg_my_temp_schema()),
    'temporary_types', ARRAY(SELECT typname FROM pg_catalog.pg_type
                             WHERE typnamespace = pg_catalog.pg_my_temp_schema()
                             AND typtype IN ('d', 'e', 'r')),
    'relations', ARRAY(SELECT relname FROM relations),
    'foreign', ARRAY(SELECT relname FROM relations WHERE relkind = 'f'),
    'secured', ARRAY(SELECT relname FROM relations WHERE relrowsecurity),
    'active', ARRAY(SELECT relname FROM relations
                    WHERE relrowsecurity AND pg_catalog.row_security_active(oid)),
    'views', ARRAY(SELECT pg_catalog.pg_get_viewdef(oid) FROM relations WHERE relkind = 'v'),
    'functions', ARRAY(
        SELECT proname FROM doubtful, parameters WHERE proname = ANY (functions)
        UNION SELECT proname FROM doubtful JOIN pg_catalog.pg_depend d ON d.refobjid = doubtful.oid
        WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND d.objid IN (SELECT oid FROM rules)),
    'operators', ARRAY(SELECT oprname FROM pg_catalog.pg_operator o
                       JOIN doubtful ON doubtful.oid = o.oprcode WHERE o.oid >= 16384),
    'casts', ARRAY(SELECT proname FROM pg_catalog.pg_cast c
                   JOIN doubtful ON doubtful.oid = c.castfunc WHERE c.oid >= 16384)
)::text
"""


class PostgreSQLSession(Session):
    """Settings, role and search path, carried into one REPEATABLE READ, READ ONLY transaction.

    Everything happens inside that transaction, so it is right behind pgbouncer in
    transaction pooling, and leaves nothing on a connection that goes back to a pool.
    """

    def __init__(self, connection: BaseDatabaseWrapper, statement: Statement) -> None:
        super().__init__(connection, statement)
        self._plan = Plan([])
        self._facts: dict[str, Any] = {}
        self._state: DriverState | None = None

    def survey(self, plan: str | None) -> None:
        """Read the caller's session: one query on the caller's connection."""
        if self.connection.connection.info.transaction_status != IDLE:
            raise NotAssured("the caller has begun a transaction, whose rows only it can see")
        self._plan = Plan(plan or "[]")
        with self.connection.cursor() as cursor:
            self._facts = read_facts(cursor, self._plan, self.statement)
        if "client_encoding" in self._facts["set"]:
            raise NotAssured("client_encoding was changed, on which the driver has its own word")
        judge(self._facts, self._plan, self.statement)

    def transfer(self, driver_connection: Any) -> None:
        """Carry over, plan the statement to lock what it reads, and compare: 3 queries."""
        self._state = DriverState(driver_connection)
        self._state.take_types(self.connection.connection)
        self._state.begin_repeatable_read()
        with self.cursor(driver_connection) as cursor:
            self._carry_over(cursor, driver_connection.info.user)
            plan = explain(cursor, self.statement)
            facts = read_facts(cursor, plan, self.statement)
        compare(self._facts, facts)
        if self._plan.relations and self._plan.relations != plan.relations:
            raise NotAssured("the statement reads other tables there")
        if shadowed := sorted(set(self._facts["temporary"]).intersection(facts["relations"])):
            raise NotAssured(f"the caller has a temporary table in the place of {shadowed[0]}")
        judge(facts, plan, self.statement)

    def _carry_over(self, cursor: CursorWrapper, login: str) -> None:
        settings = {name: self._facts["settings"][name] for name in self._facts["set"]}
        if self._facts["session_user"] != login:
            settings["session_authorization"] = self._facts["session_user"]
        options = self.connection.settings_dict["OPTIONS"]
        ordinary_role = options.get("assume_role") or "none"
        ordinary = {"TimeZone": self.connection.timezone_name}
        if settings.items() <= ordinary.items() and self._facts["role"] == ordinary_role:
            settings = OWN_SETTINGS  # the others Django has made on both connections alike
        else:
            # Last: the role may not be allowed to make the other settings.
            settings = {**settings, **OWN_SETTINGS, "role": self._facts["role"]}
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

    def ending(
        self, driver_connection: Any, cursors: Iterable[CursorWrapper]
    ) -> list[Callable[[], None]]:
        """Roll back, which ends the cursor on the server and takes every setting back.

        psycopg 3 knows that its cursors are gone then, and must forget them before a pool
        hands their connection on. psycopg2 knows it when the connection is closed.
        """
        closes = [cursor.close for cursor in cursors]
        if self._state is None:
            return closes
        if self._state.psycopg2:
            return [driver_connection.rollback, driver_connection.close, *closes]
        return [driver_connection.rollback, *closes, self._state.restore]


class DriverState:
    """How the driver begins a transaction. psycopg2 and psycopg 3 have two names for it."""

    def __init__(self, driver_connection: Any) -> None:
        self._driver_connection = driver_connection
        self.psycopg2 = hasattr(driver_connection, "set_session")
        names = ["autocommit", "isolation_level", self._read_only]
        # psycopg 3.2 and 3.3: where connect() puts the types of the context it is given.
        names += [] if self.psycopg2 else ["_adapters", "prepare_threshold"]
        self._before = {name: getattr(driver_connection, name) for name in names}

    @property
    def _read_only(self) -> str:
        return "readonly" if self.psycopg2 else "read_only"

    def take_types(self, callers: Any) -> None:
        """Read every type as the caller's connection does, whatever was registered there."""
        if self.psycopg2:
            self._driver_connection.string_types.update(callers.string_types)
            self._driver_connection.binary_types.update(callers.binary_types)
        else:
            from psycopg.adapt import AdaptersMap

            self._driver_connection._adapters = AdaptersMap(callers.adapters)

    def begin_repeatable_read(self) -> None:
        """Let the next statement begin the transaction: one snapshot, nothing written."""
        self._driver_connection.autocommit = False
        self._driver_connection.isolation_level = self._repeatable_read
        setattr(self._driver_connection, self._read_only, True)
        if not self.psycopg2:
            # One FETCH like the other would be prepared, on a connection that isn't ours to keep.
            self._driver_connection.prepare_threshold = None

    @property
    def _repeatable_read(self) -> Any:
        if self.psycopg2:
            return "REPEATABLE READ"
        from psycopg import IsolationLevel

        return IsolationLevel.REPEATABLE_READ

    def restore(self) -> None:
        """Make the driver connection as it was, or of no use to anyone any more."""
        try:
            for name, value in reversed(self._before.items()):
                setattr(self._driver_connection, name, value)
        except BaseException:
            self._driver_connection.close()
            raise


def read_facts(cursor: CursorWrapper, plan: Plan, statement: Statement) -> dict[str, Any]:
    """Read what FACTS asks for the session of `cursor`: one query."""
    relations = sorted(plan.relations)
    functions = sorted(plan.functions | called(statement.sql))
    cursor.execute(
        FACTS,
        [
            [schema for schema, name in relations],
            [name for schema, name in relations],
            functions,
            TRUSTED_EXTENSIONS,
        ],
    )
    facts: dict[str, Any] = json.loads(cursor.fetchone()[0])
    settings = facts["settings"] or {}
    facts["settings"] = {name: value for name, (value, _is_set) in settings.items()}
    facts["set"] = [name for name, (_value, is_set) in settings.items() if is_set]
    return facts


def explain(cursor: CursorWrapper, statement: Statement) -> Plan:
    """Plan `statement`, which locks every relation in it until the transaction ends."""
    cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {statement.sql}", statement.params)
    return Plan(cursor.fetchone()[0])


def compare(caller: dict[str, Any], private: dict[str, Any]) -> None:
    """Raise NotAssured where two sessions differ in what decides about rows."""
    for name in ("server", "session_user", "user", "role", "path"):
        if caller[name] != private[name]:
            raise NotAssured(f"its {name} is {private[name]!r}, the caller's {caller[name]!r}")
    ours, theirs = caller["settings"], private["settings"]
    for name in sorted((ours.keys() | theirs.keys()) - INDIFFERENT):
        if ours.get(name) != theirs.get(name):
            raise NotAssured(
                f"its setting {name} is {theirs.get(name)!r}, the caller's {ours.get(name)!r}"
            )


def judge(facts: dict[str, Any], plan: Plan, statement: Statement) -> None:
    """Raise NotAssured where rows may depend on what cannot be read from a session."""
    views = [without_literals(view) for view in facts["views"]]
    functions = plan.functions.union(called(statement.sql), *map(called, views))
    text = " ".join([statement.sql, *plan.expressions])
    reasons = {
        "row-level security is active on": facts["active"],
        "row-level security may be active, as its owner, behind a view on": (
            facts["secured"] if views else []
        ),
        "the statement reads a foreign table,": facts["foreign"],
        "the session has a temporary type,": facts["temporary_types"],
        "the answer depends on the session in the function": session_functions(functions),
        "the answer may depend on the session in the function": facts["functions"],
        "the answer may depend on the session in the operator": [
            name for name in facts["operators"] if name in text
        ],
        "the answer may depend on the session in a cast's function": facts["casts"],
    }
    for reason, names in reasons.items():
        if names:
            raise NotAssured(f"{reason} {', '.join(names)}")
