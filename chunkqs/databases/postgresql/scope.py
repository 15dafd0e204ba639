"""In which tenant, schema and role a PostgreSQL session is."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..answers import Scope

#: A temporary table is no other schema: current_schemas() leaves that out.
FACTS = "current_user, session_user, pg_catalog.current_schemas(false)"
SCOPE = "pg_catalog.concat_ws(' ', {})"
#: The variables that policies name by themselves, not in a function of their own.
VARIABLES = """
SELECT DISTINCT found[1] FROM pg_catalog.pg_policy, pg_catalog.regexp_matches(
    pg_catalog.pg_get_expr(polqual, polrelid), $$current_setting\\('([\\w.]+)'$$, 'g') AS found
"""

#: Settings that decide about the day and hour of a moment, and about texts of values.
SETTINGS = ("TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output")
SORTING = SCOPE.format(", ".join(f"pg_catalog.current_setting('{name}')" for name in SETTINGS))

#: What a scope is made of, as columns of any SELECT.
COLUMNS = f"{SCOPE.format(FACTS)}, ARRAY({VARIABLES})"


def read_scope(connection: BaseDatabaseWrapper) -> Scope:
    """Read it: one query, or two where policies of row-level security name variables."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS}")
        value, variables = cursor.fetchone()
        return scope_of(cursor, value, variables)


def read_sorting(connection: BaseDatabaseWrapper) -> Scope:
    """Read what the values of an expression may depend on: one query."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SORTING}")
        return Scope(SORTING, cursor.fetchone()[0])


def scope_of(cursor: CursorWrapper, value: str, variables: list[str]) -> Scope:
    """Return what COLUMNS have given as a scope: one more query where there are variables."""
    sql = SCOPE.format(FACTS)
    if variables:
        settings = (f"pg_catalog.current_setting('{name}', true)" for name in variables)
        sql = SCOPE.format(", ".join([FACTS, *settings]))
        cursor.execute(f"SELECT {sql}")
        (value,) = cursor.fetchone()
    return Scope(sql, value)
