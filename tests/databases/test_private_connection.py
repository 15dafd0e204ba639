"""A private connection: what it sees, who sees it, how it ends, and when there is none."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

from tests.support.leftovers import backends
from tests.support.private import (
    MANY,
    create_table,
    executed,
    open_for,
    run,
)

pytestmark = pytest.mark.database("postgresql", "mysql")

SQL = "SELECT id, note FROM private_row WHERE id <> %s"
SESSION = {
    "postgresql": "SELECT pg_backend_pid()",
    "mysql": "SELECT CONNECTION_ID()",
}
KILL = {"postgresql": "SELECT pg_terminate_backend({0})", "mysql": "KILL {0}"}


@pytest.fixture(scope="module")
def table(committed_db: None) -> Iterator[None]:
    create_table("private_row", MANY)
    yield
    run("DROP TABLE private_row")


def session_of(alias: str = "default") -> Any:
    return run(SESSION[connections[alias].vendor], alias=alias)[0][0]


def test_rows_come_from_another_session_than_the_callers(clean: BaseDatabaseWrapper) -> None:
    before = backends()
    private = open_for(SQL, 0)
    assert len(backends() - before) == 1
    cursor = executed(private, SQL, 0)
    assert list(cursor.fetchmany(2)) == [(1, "row 1"), (2, "row 2")]
    private.close()


def test_the_caller_goes_on_working_while_rows_are_read(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL, 0)
    cursor = executed(private, SQL, 0)
    cursor.fetchmany(2)
    run("INSERT INTO private_row (id, note) VALUES (1000000, 'new')")
    seen = 2
    while block := cursor.fetchmany(5000):
        seen += len(block)
    private.close()
    run("DELETE FROM private_row WHERE id = 1000000")
    assert seen == MANY


def test_close_has_no_effect_the_second_time(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL, 0)
    private.close()
    private.close()


def test_close_before_the_cursor_is_executed(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL, 0)
    private.cursor()
    private.close()


def test_close_in_the_middle_does_not_read_the_rest(clean: BaseDatabaseWrapper) -> None:
    everything = (
        "SELECT a.id, a.note FROM private_row a CROSS JOIN private_row b WHERE a.id + b.id > %s"
    )
    private = open_for(everything, 0)
    executed(private, everything, 0).fetchmany(10)
    began = time.monotonic()
    private.close()
    assert time.monotonic() - began < 1


def test_close_after_the_server_ended_the_session_raises_nothing(
    clean: BaseDatabaseWrapper,
) -> None:
    before = backends()
    private = open_for(SQL, 0)
    executed(private, SQL, 0).fetchmany(10)
    (pid,) = backends() - before
    run(KILL[clean.vendor].format(pid))
    private.close()


def test_close_works_in_another_thread(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL, 0)
    executed(private, SQL, 0).fetchmany(10)
    thread = threading.Thread(target=private.close)
    thread.start()
    thread.join()
    assert private.driver_connection.closed


def test_close_works_in_an_event_loop(clean: BaseDatabaseWrapper) -> None:
    private = open_for(SQL, 0)
    executed(private, SQL, 0).fetchmany(10)

    async def close() -> None:
        private.close()

    asyncio.run(close())
    assert private.driver_connection.closed


def test_dropping_what_was_closed_warns_of_nothing(
    clean: BaseDatabaseWrapper, recwarn: pytest.WarningsRecorder
) -> None:
    private = open_for(SQL, 0)
    cursor = executed(private, SQL, 0)
    cursor.fetchmany(10)
    private.close()
    del private, cursor
    gc.collect()
    assert not recwarn.list


def test_a_closed_connection_leaves_nothing_to_the_garbage_collector(
    clean: BaseDatabaseWrapper,
) -> None:
    def walk() -> list[weakref.ref[Any]]:
        private = open_for(SQL, 0)
        executed(private, SQL, 0).fetchmany(10)
        private.close()
        return [weakref.ref(one) for one in (private, private._session, made.pop())]

    made: list[Any] = []

    def keep(connection: Any, **kwargs: Any) -> None:
        made.append(connection)

    connection_created.connect(keep)
    gc.collect()
    gc.disable()
    try:
        left = walk()
        assert [one() for one in left] == [None, None, None]
    finally:
        gc.enable()
        connection_created.disconnect(keep)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_close_in_a_forked_child_leaves_the_parents_connection_alone(
    clean: BaseDatabaseWrapper,
) -> None:
    private = open_for(SQL, 0)
    cursor = executed(private, SQL, 0)
    cursor.fetchmany(10)
    child = os.fork()
    if child == 0:
        private.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(cursor.fetchmany(10)) == 10
    private.close()


def test_execute_wrappers_see_the_query_once(clean: BaseDatabaseWrapper) -> None:
    seen = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, context["connection"]))
        return execute(sql, params, many, context)

    with clean.execute_wrapper(watch):
        private = open_for(SQL, 0)
        executed(private, SQL, 0).fetchmany(10)
        private.close()
    assert seen.count((SQL, clean)) == 1


STATEMENTS = {
    "postgresql": ["EXPLAIN", "WITH parameters", "SELECT", "EXPLAIN", "WITH parameters"],
    "mysql": [
        *["EXPLAIN", "SELECT CURRENT_USER", "SHOW SESSION", "SELECT TABLE_SCHEMA", "SHOW CREATE"],
        *["SELECT CURRENT_USER", "SHOW SESSION", "SET SESSION lock_wait_timeout", "EXPLAIN"],
        "SET SESSION net_write_timeout",
        *["SET SESSION TRANSACTION", "START TRANSACTION"],
    ],
}


def test_captured_queries_hold_every_statement_and_no_other(clean: BaseDatabaseWrapper) -> None:
    with CaptureQueriesContext(clean) as captured:
        private = open_for(SQL, 0)
        executed(private, SQL, 0).fetchmany(10)
        private.close()
    queries = [query["sql"].strip() for query in captured]
    begins = [*STATEMENTS[clean.vendor], ""]
    assert [query[: len(begin)] for query, begin in zip(queries, begins, strict=True)] == begins
    assert "FROM private_row WHERE id <> 0" in queries[-1]


def test_cursors_are_made_by_whoever_has_replaced_the_connections_methods(
    clean: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("cursor", "chunked_cursor"):
        original = getattr(clean, name)

        def replaced(original: Any = original, name: str = name) -> Any:
            made.append(name)
            return original()

        monkeypatch.setattr(clean, name, replaced)
    private = open_for(SQL, 0)
    made.clear()
    private.cursor()
    private.close()
    assert made[0] == "chunked_cursor"


def test_the_callers_connection_stays_its_own(clean: BaseDatabaseWrapper) -> None:
    before = clean.connection, session_of()
    clean.health_check_done = False  # type: ignore[attr-defined]
    private = open_for(SQL, 0)
    executed(private, SQL, 0)
    assert (clean.connection, session_of()) == before
    private.close()
    assert (clean.connection, session_of()) == before


def test_an_opening_that_fails_midway_leaves_nothing_open(clean: BaseDatabaseWrapper) -> None:
    explained = 0

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal explained
        explained += sql.startswith("EXPLAIN")
        if explained == 2:
            raise RuntimeError("a watcher that fails")
        return execute(sql, params, many, context)

    with clean.execute_wrapper(fail), pytest.raises(RuntimeError, match="a watcher that fails"):
        open_for(SQL, 0)
