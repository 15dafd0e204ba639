"""Which sessions a walk replaces when their connection is lost, and which it leaves lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import Error, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import CharField, Func, Value

from chunkqs import keyset_iter
from chunkqs.sources import retries
from tests.settings import database
from tests.support.models import User
from tests.support.private import run, second_alias
from tests.support.transient_errors import EVERY, kill, names
from tools import embedded_postgres as embedded

pytestmark = pytest.mark.usefixtures("numbered_users", "short_pauses")
KILLS = pytest.mark.database("postgresql", "mysql")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.01)


SETTINGS = {
    "postgresql": {
        "search path": "SET search_path = public, pg_catalog",
        "role": "SET ROLE pg_read_all_data",
        "setting": "SET enable_sort = off",
        "temporary tables": "CREATE TEMPORARY TABLE tests_mine (id int)",
        "advisory locks": "SELECT pg_advisory_lock(1)",
        "channels": "LISTEN tests",
    },
    "mysql": {
        "variable sql_mode": "SET sql_mode = 'ANSI_QUOTES'",
        "temporary": "CREATE TEMPORARY TABLE tests_user AS SELECT * FROM tests_user",
        "sql_select_limit": "SET sql_select_limit = 1000",
    },
}
OWN = [
    pytest.param(name, sql, id=name, marks=pytest.mark.database(vendor))
    for vendor, settings in SETTINGS.items()
    for name, sql in settings.items()
]


@pytest.mark.parametrize(("name", "sql"), OWN)
def test_a_session_of_its_own_is_not_replaced_by_another(
    name: str, sql: str, other_connection: BaseDatabaseWrapper
) -> None:
    run("SELECT 1", sql) if name != "temporary" else run(sql)
    rows = keyset_iter(User.objects.all(), chunk_size=10)
    got = []
    with pytest.raises((OperationalError, InterfaceError)) as error:
        for row in rows:
            got.append(row.name)
            if len(got) == 1:
                kill(other_connection)
    assert got == EVERY[:10]
    (note,) = error.value.__notes__
    assert name in note
    assert "after=" in note
    with pytest.raises(Error):
        run("SELECT 1")  # the caller's connection is as the fault left it
    connection.close()
    assert names(keyset_iter(User.objects.all(), after=rows.position)) == EVERY[10:]


@pytest.mark.database("postgresql")
def test_settings_that_every_connection_gets_are_no_hindrance(
    other_connection: BaseDatabaseWrapper,
) -> None:
    def set_path(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = public, pg_catalog")

    connection.close()
    connection_created.connect(set_path)
    try:
        got = []
        for row in keyset_iter(User.objects.all(), chunk_size=10):
            got.append(row.name)
            if len(got) == 1:
                kill(other_connection)
        assert got == EVERY
        assert run("SHOW search_path") == [("public, pg_catalog",)]
    finally:
        connection_created.disconnect(set_path)


@pytest.fixture
def tenant() -> Iterator[BaseDatabaseWrapper]:
    """A connection of a role that row-level security applies to, on a table that is not read."""
    run(
        "CREATE ROLE tests_tenant LOGIN",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO tests_tenant",
        "ALTER TABLE tests_author ENABLE ROW LEVEL SECURITY",
    )
    with second_alias(USER="tests_tenant") as second:
        yield second
    run(
        "ALTER TABLE tests_author DISABLE ROW LEVEL SECURITY",
        "DROP OWNED BY tests_tenant",
        "DROP ROLE tests_tenant",
    )


@pytest.mark.database("postgresql")
def test_a_session_under_row_level_security_is_not_replaced(tenant: BaseDatabaseWrapper) -> None:
    got = []
    with pytest.raises(OperationalError) as error:
        for row in keyset_iter(User.objects.using(tenant.alias), chunk_size=10):
            got.append(row.name)
            if len(got) == 1:
                ((number,),) = run("SELECT pg_backend_pid()", alias=tenant.alias)
                run(f"SELECT pg_terminate_backend({number}, 5000)")
    assert got == EVERY[:10]
    assert "row-level security is active on tests_author" in error.value.__notes__[0]


@pytest.mark.database("postgresql")
def test_the_answer_of_a_function_that_looks_at_the_session_is_not_asked_for_again(
    other_connection: BaseDatabaseWrapper,
) -> None:
    own = Func(
        Value("app.tenant"), Value(True), function="current_setting", output_field=CharField()
    )
    run("SET app.tenant = 'a'")
    got = []
    with pytest.raises(OperationalError) as error:
        for row in keyset_iter(User.objects.annotate(tenant=own), chunk_size=10):
            got.append(row.tenant)
            if len(got) == 1:
                kill(other_connection)
    assert got == ["a"] * 10
    assert "current_setting" in error.value.__notes__[0]


@KILLS
def test_a_walk_cannot_say_whose_session_it_was_when_that_is_lost_before_the_first_chunk(
    other_connection: BaseDatabaseWrapper,
) -> None:
    kill(other_connection)
    with pytest.raises((OperationalError, InterfaceError)) as error:
        next(iter(keyset_iter(User.objects.all(), chunk_size=10)))
    assert "before its session had been read" in error.value.__notes__[0]


@pytest.mark.database("postgresql")
def test_a_pool_gives_a_connection_in_place_of_those_that_were_lost() -> None:
    pytest.importorskip("psycopg_pool")
    with second_alias(OPTIONS={"pool": {"min_size": 3, "max_size": 3}}) as pooled:
        got = []
        for row in keyset_iter(User.objects.using(pooled.alias), chunk_size=10):
            got.append(row.name)
            if len(got) == 1:
                run(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        assert got == EVERY
        pooled.close()
        pooled.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A server that a test may stop, as the alias "own", with the numbered users in it."""
    top = tmp_path_factory.mktemp("own")
    url = embedded.database_url(top / "server")
    connections.settings["own"] = {**connections["default"].settings_dict, **database(url)}
    try:
        with connections["own"].schema_editor() as editor:
            editor.create_model(User)
        User.objects.using("own").bulk_create(User(name=name, email="") for name in EVERY)
        yield top / "server"
    finally:
        connections["own"].close()
        del connections["own"], connections.settings["own"]
        embedded.remove(top / "server")


@pytest.mark.database("postgresql")
def test_a_server_that_is_restarted_costs_no_row(
    own_server: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.2)
    got = []
    start = Thread(target=embedded.database_url, args=[own_server])
    for row in keyset_iter(User.objects.using("own"), chunk_size=10, retries=5):
        got.append(row.name)
        if len(got) == 5:
            assert embedded.stop(own_server, force=True)
            start.start()
    start.join()
    assert got == EVERY
    assert "the connection was lost" in caplog.text
