"""What PostgreSQL tells of a session, and of what a statement touches in it: one query."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from django.db.backends.utils import CursorWrapper

from ..answers import Scope
from .scope import COLUMNS, scope_of

#: Extensions whose functions look at nothing but their arguments.
TRUSTED_EXTENSIONS = [
    "address_standardizer", "btree_gin", "btree_gist", "citext", "cube", "earthdistance",
    "fuzzystrmatch", "hstore", "intarray", "isn", "ltree", "pg_trgm", "pgcrypto", "postgis",
    "postgis_raster", "postgis_sfcgal", "seg", "tsm_system_rows", "tsm_system_time", "unaccent",
    "uuid-ossp", "vector",
]  # fmt: skip

# pg_locks names every relation that was parsed, rewritten or planned in the running transaction:
# views, partitioned parents and what the planner proved empty, none of which a plan shows.
# 16384 is the first oid that is not PostgreSQL's own.
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
), settings AS (
    SELECT name, setting, source = 'session' AND context IN ('user', 'superuser') AS is_changed
    FROM pg_catalog.pg_settings
    WHERE source IN ('database', 'user', 'database user', 'client', 'session')
    AND name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
)
SELECT pg_catalog.json_build_object(
    'pid', pg_catalog.pg_backend_pid(),
    'user', current_user,
    'session_user', session_user,
    'role', pg_catalog.current_setting('role'),
    'database', pg_catalog.current_database(),
    'server', pg_catalog.concat_ws(' ', pg_catalog.pg_is_in_recovery(),
                                   extract(epoch FROM pg_catalog.pg_postmaster_start_time())),
    'search_path', ARRAY(SELECT s FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) s
                         WHERE s !~ '^pg_temp_'),
    'settings', (SELECT coalesce(pg_catalog.json_object_agg(name, setting), '{}') FROM settings),
    'changed', ARRAY(SELECT name FROM settings WHERE is_changed),
    'temporary_tables', ARRAY(SELECT relname FROM pg_catalog.pg_class
                              WHERE relnamespace = pg_catalog.pg_my_temp_schema()),
    'temporary_types', ARRAY(SELECT typname FROM pg_catalog.pg_type
                             WHERE typnamespace = pg_catalog.pg_my_temp_schema()
                             AND typtype IN ('d', 'e', 'r')),
    'advisory_locks', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks
                       WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()),
    'channels', ARRAY(SELECT pg_catalog.pg_listening_channels()),
    'secured', ARRAY(SELECT relname FROM pg_catalog.pg_class
                     WHERE relrowsecurity AND pg_catalog.row_security_active(oid) LIMIT 1)
)::text, pg_catalog.json_build_object(
    'relations', ARRAY(SELECT relname FROM relations),
    'foreign_tables', ARRAY(SELECT relname FROM relations WHERE relkind = 'f'),
    'with_policies', ARRAY(SELECT relname FROM relations WHERE relrowsecurity),
    'secured', ARRAY(SELECT relname FROM relations
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


class SessionFacts(NamedTuple):
    """What a session is, beyond the database that it is in."""

    pid: int
    """The server's process, which another session has where a pooler hands it from one to the
    other."""
    user: str
    session_user: str
    role: str
    database: str
    server: str
    """Which server this is, by when it was started and what it serves as."""
    search_path: list[str]
    settings: dict[str, str]
    """The settings that are not the server's own."""
    changed: list[str]
    """Names of those that were changed in the session, and may be changed in another one."""
    temporary_tables: list[str]
    temporary_types: list[str]
    advisory_locks: int
    channels: list[str]
    secured: list[str]
    """A table of the database that shows this session only some of its rows, if there is one."""

    def visible(self, indifferent: set[str]) -> dict[str, object]:
        """Return by name what decides which rows a query shows, without some settings."""
        facts = {
            "database": self.database,
            "session user": self.session_user,
            "user": self.user,
            "role": self.role,
            "search path": self.search_path,
        }
        settings = {
            f"setting {name}": value
            for name, value in self.settings.items()
            if name not in indifferent
        }
        return {**facts, **settings}

    def held(self) -> dict[str, object]:
        """Return by name what the session has that ends with its connection."""
        return {
            "temporary tables": sorted(self.temporary_tables),
            "advisory locks": self.advisory_locks,
            "channels": sorted(self.channels),
        }


class StatementFacts(NamedTuple):
    """What a statement touches, as far as its rows may depend on the session: names."""

    relations: list[str]
    foreign_tables: list[str]
    with_policies: list[str]
    """Tables with row-level security, whether or not it applies to this user."""
    secured: list[str]
    """Tables with row-level security that applies."""
    views: list[str]
    """The definition of each view."""
    functions: list[str]
    operators: list[str]
    casts: list[str]


def read_facts(
    cursor: CursorWrapper,
    relations: Collection[tuple[str, str]] = (),
    functions: Collection[str] = (),
) -> tuple[SessionFacts, StatementFacts]:
    """Read the session of `cursor`, and what a statement touches in it: one query.

    The statement is known by the schema and name of its `relations` and by the names of its
    `functions`; so is every relation that the running transaction has locked.
    """
    ordered = sorted(relations)
    parameters: list[Any] = [
        [schema for schema, _name in ordered],
        [name for _schema, name in ordered],
        sorted(functions),
        TRUSTED_EXTENSIONS,
    ]
    cursor.execute(FACTS, parameters)
    session, statement = map(json.loads, cursor.fetchone())
    return SessionFacts(**session), StatementFacts(**statement)


def read_session(cursor: CursorWrapper) -> tuple[SessionFacts, Scope]:
    """Read the session of `cursor`, and its scope along with it: one query, as `read_scope()`."""
    sql = f"SELECT facts.session, {COLUMNS} FROM ({FACTS}) AS facts (session, statement)"
    cursor.execute(sql, [[], [], [], TRUSTED_EXTENSIONS])
    session, value, variables = cursor.fetchone()
    return SessionFacts(**json.loads(session)), scope_of(cursor, value, variables)
