"""What of a session is carried over to a private connection, and what speaks against one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from chunkqs.databases.session import NoRoom, SessionMismatch
from tests.support.leftovers import Leftovers
from tests.support.mismatches import MISMATCHES
from tests.support.pgbouncer import Pgbouncer
from tests.support.private import create_table, executed, open_for, run, second_alias

SQL = "SELECT id, note FROM session_row"


@pytest.fixture(scope="module")
def table(committed_db: None) -> Iterator[None]:
    create_table("session_row", 100)
    yield
    run("DROP TABLE session_row")


class Undoing(ExitStack):
    """Takes statements to run in a new session at the end, the last one first."""

    def __call__(self, statement: str) -> None:
        self.callback(self._run, statement)

    def _run(self, statement: str) -> None:
        connections["default"].close()
        run(statement)


@pytest.fixture
def undo(caller: BaseDatabaseWrapper) -> Iterator[Undoing]:
    """Undo what a test has made, after a look at whether it left anything open."""
    leftovers = Leftovers("default")
    with Undoing() as undoing:
        yield undoing
        leftovers.check()


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    "change",
    [
        "SET search_path TO pg_catalog, public",
        'SET search_path TO \'$user\', "Odd, ""name""", public',
        "SET work_mem TO '12MB'",
        "SET statement_timeout TO '90s'",
        "SET TimeZone TO 'Asia/Kolkata'",
        "SET DateStyle TO 'SQL, DMY'",
        "SET default_text_search_config TO 'pg_catalog.german'",
        "SET row_security TO off",
        "SET default_transaction_isolation TO 'serializable'",
        "SET ROLE pg_monitor",
        "SET SESSION AUTHORIZATION pg_monitor",
    ],
)
def test_settings_are_carried_over(clean: BaseDatabaseWrapper, change: str) -> None:
    run("GRANT SELECT ON session_row TO pg_monitor", change)
    state = (
        "SELECT concat_ws(' ', current_user, session_user, current_schemas(true),"
        " array(SELECT (name, setting) FROM pg_settings"
        " WHERE name !~ '^(transaction_|application_name|is_superuser|jit$)' ORDER BY name))"
    )
    here = run(state)[0][0]
    private = open_for(SQL)
    with private.cursor() as cursor:
        cursor.execute(state)
        assert cursor.fetchmany(1)[0][0] == here
    private.close()


@pytest.mark.database("postgresql")
def test_the_transaction_is_one_read_only_snapshot(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL)
    cursor = executed(
        private,
        "SELECT name, setting FROM pg_settings WHERE name LIKE 'transaction_%%' ORDER BY name",
    )
    settings = dict(cursor.fetchmany(10))
    assert settings["transaction_isolation"] == "repeatable read"
    assert settings["transaction_read_only"] == "on"
    private.close()


@pytest.mark.database("postgresql")
def test_the_cursor_is_not_kept_past_its_transaction(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL)
    sql = "SELECT is_holdable, is_scrollable FROM pg_cursors"
    assert executed(private, sql).fetchmany(1) == [(False, False)]
    private.close()


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(("make", "unmake", "sql", "reason"), MISMATCHES.values(), ids=MISMATCHES)
def test_there_is_none_for(
    undo: Undoing, make: list[str], unmake: list[str], sql: str, reason: str
) -> None:
    for statement in reversed(unmake):
        undo(statement)
    run("SET app.note = 'x'", "SET app.many = '1'", *make)
    with pytest.raises(SessionMismatch, match=reason):
        open_for(sql)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM session_row a JOIN session_row b USING (id) WHERE lower(a.note) > ''",
        "SELECT id, now(), random(), to_char(now(), 'YYYY'), to_tsvector(note) FROM session_row",
        "WITH s AS (SELECT * FROM session_row) SELECT id FROM s WHERE EXISTS (SELECT 1)",
    ],
)
def test_there_is_one_for_what_every_session_answers_alike(
    clean: BaseDatabaseWrapper, sql: str
) -> None:
    open_for(sql).close()


@pytest.mark.database("postgresql")
def test_there_is_one_for_a_parameter_that_reads_like_a_function(
    clean: BaseDatabaseWrapper,
) -> None:
    open_for("SELECT id FROM session_row WHERE note = %s", "call current_setting(x)").close()


@pytest.mark.database("postgresql")
def test_row_level_security_that_does_not_apply_to_the_caller_is_no_reason(undo: Undoing) -> None:
    undo("ALTER TABLE session_row DISABLE ROW LEVEL SECURITY")
    run("ALTER TABLE session_row ENABLE ROW LEVEL SECURITY")
    open_for(SQL).close()


@pytest.mark.database("postgresql")
def test_a_temporary_table_that_the_query_does_not_read_is_no_reason(
    clean: BaseDatabaseWrapper,
) -> None:
    run("CREATE TEMPORARY TABLE session_own (id integer)")
    open_for(SQL).close()


@pytest.mark.database("postgresql")
def test_there_is_none_where_the_new_session_would_begin_with_other_settings(undo: Undoing) -> None:
    run("SET TimeZone = DEFAULT")
    database = connections["default"].settings_dict["NAME"]
    undo(f'ALTER DATABASE "{database}" RESET search_path')
    run(f'ALTER DATABASE "{database}" SET search_path = pg_catalog')
    with pytest.raises(SessionMismatch, match="path"):
        open_for("SELECT id FROM public.session_row")


@pytest.mark.database("postgresql")
def test_there_is_none_on_another_database(clean: BaseDatabaseWrapper) -> None:
    with second_alias() as second:
        second.ensure_connection()
        second.settings_dict["NAME"] = "postgres"
        with pytest.raises(SessionMismatch, match="server|session_row"):
            open_for(SQL, alias="second")


@pytest.mark.database("postgresql")
@pytest.mark.pgbouncer
def test_settings_stay_inside_the_transaction_behind_pgbouncer(
    caller: BaseDatabaseWrapper, pgbouncer: Pgbouncer
) -> None:
    with second_alias(**pgbouncer.address) as second:
        run("SET work_mem TO '77MB'", alias="second")
        private = open_for(SQL, alias="second")
        setting = "SELECT current_setting('work_mem')"
        assert executed(private, setting).fetchmany(5) == [("77MB",)]
        private.close()
        run("RESET work_mem", alias="second")
        assert run("SHOW work_mem", alias="second") != [("77MB",)]
        assert second.connection is not None


def pool_of(alias: str) -> Any:
    return connections[alias].pool  # type: ignore[attr-defined]


@pytest.fixture
def pooled(clean: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield the alias of a connection that comes from a pool of two."""
    pytest.importorskip("psycopg_pool")
    with second_alias(OPTIONS={"pool": {"min_size": 1, "max_size": 2}}) as second:
        second.ensure_connection()
        yield second.alias
        second.close()
        second.close_pool()  # type: ignore[attr-defined]


@pytest.mark.database("postgresql")
def test_a_pool_gets_its_connection_back_as_it_was(pooled: str) -> None:
    before = [run("SHOW work_mem", alias=pooled), pool_of(pooled).get_stats()["pool_size"]]
    run("SET work_mem TO '77MB'", alias=pooled)
    private = open_for(SQL, alias=pooled)
    taken = private.driver_connection
    executed(private, SQL).fetchmany(5)
    private.close()
    with pool_of(pooled).connection() as again:
        assert again is taken
        assert again.autocommit
        assert (again.isolation_level, again.read_only) == (None, None)
        assert again.execute("SHOW work_mem").fetchall() == before[0]


@pytest.mark.database("postgresql")
def test_an_exhausted_pool_means_none_at_once(pooled: str) -> None:
    with pool_of(pooled).connection(), pytest.raises(NoRoom, match="no connection to spare"):
        open_for(SQL, alias=pooled)
    open_for(SQL, alias=pooled).close()
