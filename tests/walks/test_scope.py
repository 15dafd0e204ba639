"""A walk by keyset has the rows of the tenant, schema and role that it began in, or it raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections, models
from django.test.utils import CaptureQueriesContext

from chunkqs import KeysetError, chunks, keyset_iter
from tests.support.databases import vendor
from tests.support.exactness.kinds import run, unmanaged

ROWS = 30
COLUMNS = "id integer PRIMARY KEY, tenant varchar(10) NOT NULL"


def fill(table: str, tenant: str) -> None:
    run(f"CREATE TABLE {table} ({COLUMNS})")
    for number in range(ROWS):
        run(f"INSERT INTO {table} VALUES (%s, %s)", number, tenant)


@pytest.fixture(scope="module")
def notes(committed_db: None) -> Iterator[Any]:
    """Make a table for each of two tenants, and one with the rows of both."""
    is_mysql = vendor() == "mysql"
    kind, cascade = ("DATABASE", "") if is_mysql else ("SCHEMA", " CASCADE")
    for tenant in "ab":
        run(f"CREATE {kind} scope_{tenant}")
        fill(f"scope_{tenant}.scope_note", tenant)
    if not is_mysql:
        run(f"CREATE TABLE scope_shared ({COLUMNS})")
        run(
            "INSERT INTO scope_shared SELECT n, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END"
            " FROM generate_series(1, 60) n"
        )
        for tenant in "ab":
            run(f"CREATE ROLE scope_role_{tenant}")
            run(f"GRANT SELECT ON scope_shared TO scope_role_{tenant}")
    connection.close()
    yield unmanaged(
        "scope_note", id=models.IntegerField(primary_key=True), tenant=models.TextField()
    )
    connection.close()
    for tenant in "ab":
        run(f"DROP {kind} scope_{tenant}{cascade}")
    if not is_mysql:
        run("DROP TABLE scope_shared")
        run("DROP ROLE scope_role_a, scope_role_b")


def enter(tenant: str) -> None:
    """Let the session be a tenant's."""
    sql = "USE scope_{}" if vendor() == "mysql" else "SET search_path TO scope_{}"
    run(sql.format(tenant))


@pytest.fixture(autouse=True)
def own_session() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


WALKS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda rows: keyset_iter(rows, chunk_size=7),
    "without retries": lambda rows: keyset_iter(rows, chunk_size=7, retries=0),
    "without an end": lambda rows: keyset_iter(rows, chunk_size=7, bounded=False),
    "chunks": lambda rows: (row for chunk in chunks(rows, 7) for row in chunk),
    "backwards": lambda rows: reversed(keyset_iter(rows, chunk_size=7)),
}
MULTI = pytest.mark.database("postgresql", "mysql")


def assert_interrupted(rows: Any, switch: Callable[[], None], size: int = 7) -> None:
    got = []
    with pytest.raises(KeysetError, match="another tenant, schema or role"):
        for row in rows:
            got.append(row)
            if len(got) == 3:
                switch()
    assert {row.tenant for row in got} == {"a"}
    assert len(got) == size


@MULTI
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("order", ["pk", "-tenant"])
def test_a_walk_that_goes_on_in_another_schema_raises(notes: Any, walk: str, order: str) -> None:
    enter("a")
    assert_interrupted(WALKS[walk](notes.objects.order_by(order)), lambda: enter("b"))


@MULTI
@pytest.mark.parametrize("walk", WALKS)
def test_a_loop_that_visits_another_schema_and_comes_back_goes_on(notes: Any, walk: str) -> None:
    enter("a")
    got = []
    for row in WALKS[walk](notes.objects.all()):
        enter("b")
        assert notes.objects.first().tenant == "b"
        enter("a")
        got.append((row.pk, row.tenant))
    assert sorted(got) == [(number, "a") for number in range(ROWS)]


@MULTI
def test_an_empty_chunk_at_the_end_is_no_other_schema(notes: Any) -> None:
    enter("a")
    got = []
    for row in keyset_iter(notes.objects.all(), chunk_size=15):
        got.append(row.pk)
        if len(got) == 15:
            run("DELETE FROM scope_note WHERE id >= %s", 15)
    assert got == list(range(15))
    for number in range(15, ROWS):
        run("INSERT INTO scope_note VALUES (%s, 'a')", number)


@pytest.fixture
def shared(notes: Any) -> Iterator[Any]:
    """Yield a table that shows each session only some of its rows."""
    run("ALTER TABLE scope_shared ENABLE ROW LEVEL SECURITY")
    yield unmanaged(
        "scope_shared", id=models.IntegerField(primary_key=True), tenant=models.TextField()
    )
    run("RESET ROLE")
    run("DROP POLICY scope ON scope_shared")
    run("ALTER TABLE scope_shared DISABLE ROW LEVEL SECURITY")


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_that_goes_on_in_another_role_raises(shared: Any, walk: str) -> None:
    run("CREATE POLICY scope ON scope_shared USING ('scope_role_' || tenant = current_user)")
    run("SET ROLE scope_role_a")
    assert_interrupted(WALKS[walk](shared.objects.all()), lambda: run("SET ROLE scope_role_b"))


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_that_goes_on_with_another_variable_of_a_policy_raises(
    shared: Any, walk: str
) -> None:
    policy = "tenant = current_setting('app.scope', true)"
    run(f"CREATE POLICY scope ON scope_shared USING ({policy})")
    run("SET app.scope TO 'a'")
    run("SET ROLE scope_role_a")
    switch = lambda: run("SET app.scope TO 'b'")  # noqa: E731
    assert_interrupted(WALKS[walk](shared.objects.all()), switch)


@pytest.fixture
def tenants() -> Iterator[Any]:
    pytest.importorskip("django_tenants", exc_type=ImportError)
    connections.settings["tenants"] = {
        **connection.settings_dict,
        "ENGINE": "django_tenants.postgresql_backend",
    }
    yield connections["tenants"]
    connections["tenants"].close()
    del connections["tenants"], connections.settings["tenants"]


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_that_goes_on_in_another_tenant_of_django_tenants_raises(
    notes: Any, tenants: Any, walk: str
) -> None:
    tenants.set_schema("scope_a")
    rows = WALKS[walk](notes.objects.using("tenants"))
    assert_interrupted(rows, lambda: tenants.set_schema("scope_b"))


@pytest.mark.database("postgresql")
def test_a_loop_that_visits_another_tenant_of_django_tenants_goes_on(
    notes: Any, tenants: Any
) -> None:
    tenants.set_schema("scope_a", include_public=False)
    got = []
    for row in keyset_iter(notes.objects.using("tenants"), chunk_size=7):
        tenants.set_schema("scope_b")
        assert notes.objects.using("tenants").first().tenant == "b"
        tenants.set_schema("scope_a", include_public=False)
        got.append(row.tenant)
    assert got == ["a"] * ROWS


@MULTI
def test_a_walk_of_one_chunk_does_not_ask(notes: Any) -> None:
    enter("a")
    with CaptureQueriesContext(connection) as asked:
        assert len(list(iter(keyset_iter(notes.objects.all(), chunk_size=100)))) == ROWS
    assert not [query for query in asked.captured_queries if "current_user" in query["sql"]]
