"""What of a MySQL or MariaDB session is carried over, and what speaks against another one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from chunkqs.databases.session import SessionMismatch
from tests.support.leftovers import Leftovers
from tests.support.private import create_table, executed, open_for, run

pytestmark = pytest.mark.database("mysql")

SQL = "SELECT id, note FROM session_row"


@pytest.fixture(scope="module")
def table(committed_db: None) -> Iterator[None]:
    create_table("session_row", 100)
    yield
    run("DROP TABLE session_row")


@pytest.mark.parametrize(
    ("change", "question"),
    [
        ("SET time_zone = '+05:30'", "@@time_zone"),
        ("SET sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'", "@@sql_mode"),
        ("SET collation_connection = 'utf8mb4_bin'", "@@collation_connection"),
        ("SET sql_auto_is_null = 1", "@@sql_auto_is_null"),
        ("SET group_concat_max_len = 7777", "@@group_concat_max_len"),
        ("SET div_precision_increment = 9", "@@div_precision_increment"),
        ("SET lc_time_names = 'de_DE'", "@@lc_time_names"),
        ("SET default_week_format = 3", "@@default_week_format"),
        ("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "1"),
        ("USE information_schema", "DATABASE()"),
    ],
)
def test_variables_are_carried_over(
    caller: BaseDatabaseWrapper, nothing_left_open: Leftovers, change: str, question: str
) -> None:
    run(change)
    here = run(f"SELECT {question}")
    private = open_for("SELECT 1")
    assert list(executed(private, f"SELECT {question}").fetchmany(1)) == here
    private.close()


def test_role_is_carried_over(caller: BaseDatabaseWrapper, nothing_left_open: Leftovers) -> None:
    run("CREATE ROLE session_role", "GRANT SELECT ON session_row TO session_role")
    try:
        run("SET ROLE session_role")
        private = open_for(SQL)
        here = run("SELECT CURRENT_ROLE()")
        assert list(executed(private, "SELECT CURRENT_ROLE()").fetchmany(1)) == here
        private.close()
    finally:
        run("SET ROLE NONE", "DROP ROLE session_role")


MISMATCHES = {
    "a temporary table in its place": (
        ["CREATE TEMPORARY TABLE session_row (id integer, note text)"], [], SQL, "temporary",
    ),
    "a temporary table of its own": (
        ["CREATE TEMPORARY TABLE session_own (id integer)"], [],
        "SELECT id FROM session_own", "session_own",
    ),
    "a user variable": ([], [], "SELECT id FROM session_row WHERE note = @note", "@"),
    "the last inserted key": (
        [], [], "SELECT id FROM session_row WHERE id = LAST_INSERT_ID()", "LAST_INSERT_ID",
    ),
    "a lock of the session": (
        [], [], "SELECT id FROM session_row WHERE GET_LOCK(note, 0)", "GET_LOCK",
    ),
    "a stored function": (
        ["CREATE FUNCTION session_note() RETURNS text DETERMINISTIC NO SQL RETURN @note"],
        ["DROP FUNCTION session_note"],
        "SELECT id FROM session_row WHERE note = session_note()", "session_note",
    ),
    "a view": (
        ["CREATE VIEW session_view AS SELECT * FROM session_row"], ["DROP VIEW session_view"],
        "SELECT id FROM session_view", "a view may",
    ),
    "an engine that locks its tables while it reads": (
        ["CREATE TABLE session_locked (id integer) ENGINE = MyISAM"],
        ["DROP TABLE session_locked"], "SELECT id FROM session_locked", "no snapshots",
    ),
    "a table of the server's": (
        [], [], "SELECT id FROM information_schema.processlist", "temporary",
    ),
    "a clock of the session's": (["SET timestamp = 100000"], [], SQL, "clock"),
    "a limit of the session's": (["SET sql_select_limit = 50"], [], SQL, "sql_select_limit"),
    "a driver's character set": (["SET character_set_results = latin1"], [], SQL, "character_set"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "unmake", "sql", "reason"), MISMATCHES.values(), ids=MISMATCHES)
def test_there_is_none_for(
    caller: BaseDatabaseWrapper, make: list[str], unmake: list[str], sql: str, reason: str
) -> None:
    leftovers = Leftovers("default")
    try:
        run(*make)
        with pytest.raises(SessionMismatch, match=reason):
            open_for(sql)
        run("SET sql_select_limit = DEFAULT")
        leftovers.check()
    finally:
        caller.close()
        run(*unmake)


def test_words_that_are_tables_elsewhere_are_no_reason(caller: BaseDatabaseWrapper) -> None:
    open_for("SELECT id AS user, note AS tables FROM session_row WHERE note <> %s", "@x").close()


def test_a_server_that_waits_for_room_in_the_socket_notices_the_end(
    caller: BaseDatabaseWrapper, nothing_left_open: Leftovers
) -> None:
    """It asks whether there is room ever less often: 3 seconds and 6 after it began to wait."""
    sql = "SELECT REPEAT('x', 400000) FROM session_row"
    private = open_for(sql)
    executed(private, sql).fetchmany(1)
    time.sleep(3.5)
    private.close()
    until = time.monotonic() + 2
    while (left := nothing_left_open.new_now()) and time.monotonic() < until:
        time.sleep(0.02)
    assert left == set()
