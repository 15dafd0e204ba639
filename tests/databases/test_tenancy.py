"""stream() shows a tenant what a plain query would show it, and never another one's rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from django.db import NotSupportedError, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from chunkqs import stream
from tests.support.leftovers import Leftovers
from tests.support.private import run, second_alias

pytestmark = pytest.mark.database("postgresql")

#: Rows of a result that fits one chunk, and of one that wants a private connection.
SIZES = {"small": 10, "large": 20_000}


class TenancyNote(models.Model):
    """A table that each tenant has rows in, or a copy of."""

    tenant = models.CharField(max_length=20)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "tenancy"
        db_table = "tenancy_note"
        managed = False


class TenancySeen(models.Model):
    """A view that shows the notes of the tenant in a session variable."""

    tenant = models.CharField(max_length=20)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "tenancy"
        db_table = "tenancy_seen"
        managed = False


COLUMNS = "id bigint PRIMARY KEY, tenant varchar(20) NOT NULL"
OF_ONE = "INSERT INTO {0} SELECT i, '{1}' FROM generate_series(1, {2}) i"
OF_TWO = "INSERT INTO tenancy_note SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END"
ROLES = ("tenancy_a", "tenancy_b")


@pytest.fixture(params=SIZES, scope="module")
def size(request: pytest.FixtureRequest, committed_db: None) -> Iterator[int]:
    """Make everything that the tests stand on, in both sizes."""
    count = SIZES[request.param]
    make(count)
    yield count
    connections["default"].close()
    run(
        "DROP SCHEMA IF EXISTS tenancy_a, tenancy_b CASCADE",
        "DROP TABLE tenancy_note CASCADE",
        "DROP FUNCTION tenancy_current, tenancy_folded",
        *(f"DROP OWNED BY {role}" for role in ROLES),
        *(f"DROP ROLE {role}" for role in ROLES),
    )


def make(count: int) -> None:
    body = "AS $$ BEGIN RETURN current_setting('app.tenant', true); END $$"
    run(
        f"CREATE TABLE tenancy_note ({COLUMNS})",
        f"{OF_TWO} FROM generate_series(1, {2 * count}) i",
        "CREATE VIEW tenancy_seen AS SELECT * FROM tenancy_note"
        " WHERE tenant = current_setting('app.tenant', true)",
        f"CREATE FUNCTION tenancy_current() RETURNS text STABLE LANGUAGE plpgsql {body}",
        f"CREATE FUNCTION tenancy_folded() RETURNS text IMMUTABLE LANGUAGE plpgsql {body}",
    )
    for role, tenant in zip(ROLES, "ab", strict=True):
        run(
            f"CREATE ROLE {role}",
            f"CREATE SCHEMA {role} CREATE TABLE tenancy_note ({COLUMNS})",
            OF_ONE.format(f"{role}.tenancy_note", tenant, count),
            f"GRANT USAGE ON SCHEMA {role} TO {role}",
            f"GRANT SELECT ON {role}.tenancy_note, public.tenancy_note, tenancy_seen TO {role}",
        )
    run("ANALYZE tenancy_note", "ANALYZE tenancy_a.tenancy_note", "ANALYZE tenancy_b.tenancy_note")


@pytest.fixture
def caller(size: int) -> Iterator[BaseDatabaseWrapper]:
    """Yield the caller's connection in a session of its own."""
    connection = connections["default"]
    connection.close()
    connection.ensure_connection()
    yield connection
    connection.close()


def shown(rows: Any) -> list[tuple[int, str]]:
    return sorted((row.pk, row.tenant) for row in rows)


def assert_only(tenant: str, size: int, queryset: QuerySet[Any]) -> None:
    """Whatever it is told of private connections, a stream shows `tenant`'s rows, all of them."""
    expected = shown(queryset)
    assert len(expected) == size
    assert {of for _pk, of in expected} == {tenant}
    assert shown(stream(queryset)) == expected
    assert shown(stream(queryset, private=False)) == expected
    with suppress(NotSupportedError):
        assert shown(stream(queryset, private=True)) == expected


def has_own_connection(queryset: QuerySet[Any]) -> bool:
    """Look from a session that may see all the others, and see the stream's go away again."""
    with second_alias() as watcher:
        leftovers = Leftovers(watcher.alias)
        with stream(queryset) as rows:
            running = iter(rows)
            next(running)
            # One that was opened to be compared, and refused, takes a moment to go.
            until = time.monotonic() + 0.5
            while (opened := leftovers.new_now()) and time.monotonic() < until:
                time.sleep(0.05)
        leftovers.check()
    return bool(opened)


@pytest.mark.parametrize("tenant", ["a", "b"])
class TestCarriedOver:
    """What PostgreSQL can list of a session goes along to the private connection."""

    def test_search_path(self, caller: BaseDatabaseWrapper, size: int, tenant: str) -> None:
        run(f"SET search_path TO tenancy_{tenant}")
        assert_only(tenant, size, TenancyNote.objects.all())
        assert has_own_connection(TenancyNote.objects.all()) is (size == SIZES["large"])

    def test_search_path_by_the_roles_name(
        self, caller: BaseDatabaseWrapper, size: int, tenant: str
    ) -> None:
        run(f"SET ROLE tenancy_{tenant}", 'SET search_path TO "$user"')
        assert_only(tenant, size, TenancyNote.objects.all())
        assert has_own_connection(TenancyNote.objects.all()) is (size == SIZES["large"])

    def test_session_authorization(
        self, caller: BaseDatabaseWrapper, size: int, tenant: str
    ) -> None:
        run(f"SET SESSION AUTHORIZATION tenancy_{tenant}")
        assert_only(tenant, size, TenancyNote.objects.all())
        assert has_own_connection(TenancyNote.objects.all()) is (size == SIZES["large"])


@pytest.fixture
def row_level_security(caller: BaseDatabaseWrapper) -> Iterator[Callable[[str], None]]:
    """Yield what turns it on, for a role that has no way around it."""

    def policy(condition: str) -> None:
        run(
            "ALTER TABLE public.tenancy_note ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY tenancy ON public.tenancy_note USING ({condition})",
        )

    yield policy
    caller.close()
    run(
        "DROP POLICY tenancy ON public.tenancy_note",
        "ALTER TABLE public.tenancy_note DISABLE ROW LEVEL SECURITY",
    )


@pytest.mark.parametrize("tenant", ["a", "b"])
class TestStaysOnTheCallersConnection:
    """What it cannot list keeps the stream where it is."""

    def test_row_level_security_by_a_variable(
        self, row_level_security: Callable[[str], None], size: int, tenant: str
    ) -> None:
        row_level_security("tenant = current_setting('app.tenant', true)")
        run("SET search_path TO public", "SET ROLE tenancy_a", f"SET app.tenant TO '{tenant}'")
        assert_only(tenant, size, TenancyNote.objects.all())
        assert not has_own_connection(TenancyNote.objects.all())

    def test_row_level_security_by_a_function_folded_into_the_plan(
        self, row_level_security: Callable[[str], None], size: int, tenant: str
    ) -> None:
        row_level_security("tenant = tenancy_folded()")
        run("SET search_path TO public", "SET ROLE tenancy_a", f"SET app.tenant TO '{tenant}'")
        assert_only(tenant, size, TenancyNote.objects.all())
        assert not has_own_connection(TenancyNote.objects.all())

    def test_row_level_security_by_role(
        self, row_level_security: Callable[[str], None], size: int, tenant: str
    ) -> None:
        row_level_security("'tenancy_' || tenant = current_user")
        run("SET search_path TO public", f"SET ROLE tenancy_{tenant}")
        assert_only(tenant, size, TenancyNote.objects.all())
        assert not has_own_connection(TenancyNote.objects.all())

    def test_view_on_a_variable(self, caller: BaseDatabaseWrapper, size: int, tenant: str) -> None:
        run(f"SET app.tenant TO '{tenant}'")
        assert_only(tenant, size, TenancySeen.objects.all())
        assert not has_own_connection(TenancySeen.objects.all())

    @pytest.mark.parametrize("function", ["tenancy_current", "tenancy_folded"])
    def test_function_that_reads_a_variable(
        self, caller: BaseDatabaseWrapper, size: int, tenant: str, function: str
    ) -> None:
        run(f"SET app.tenant TO '{tenant}'")
        queryset = TenancyNote.objects.filter(tenant=models.Func(function=function))
        assert_only(tenant, size, queryset)
        assert not has_own_connection(queryset)

    def test_temporary_table_in_the_place_of_the_real_one(
        self, caller: BaseDatabaseWrapper, size: int, tenant: str
    ) -> None:
        run(
            f"CREATE TEMPORARY TABLE tenancy_note ({COLUMNS})",
            OF_ONE.format("tenancy_note", tenant, size),
            "ANALYZE tenancy_note",
        )
        assert_only(tenant, size, TenancyNote.objects.all())
        assert not has_own_connection(TenancyNote.objects.all())


class TestDjangoTenants:
    """A backend that sets the path again for each cursor, and begins at the public schema."""

    @pytest.fixture
    def alias(self, caller: BaseDatabaseWrapper) -> Iterator[str]:
        pytest.importorskip("django_tenants", exc_type=ImportError)
        connections.settings["tenants"] = {
            **caller.settings_dict,
            "ENGINE": "django_tenants.postgresql_backend",
        }
        yield "tenants"
        connections["tenants"].close()
        del connections["tenants"], connections.settings["tenants"]

    @pytest.mark.parametrize("tenant", ["a", "b"])
    def test_schema_of_a_tenant(self, alias: str, size: int, tenant: str) -> None:
        connection: Any = connections[alias]
        connection.set_schema(f"tenancy_{tenant}", include_public=True)
        queryset = TenancyNote.objects.using(alias)
        assert_only(tenant, size, queryset)
        assert not has_own_connection(queryset)

    def test_a_tenant_that_changes_between_two_streams(self, alias: str, size: int) -> None:
        connection: Any = connections[alias]
        for tenant in "aba":
            connection.set_schema(f"tenancy_{tenant}")
            assert_only(tenant, size, TenancyNote.objects.using(alias))


def test_a_wrapper_that_sets_the_tenant_before_each_query(
    caller: BaseDatabaseWrapper, size: int
) -> None:
    def set_tenant(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        with caller.connection.cursor() as cursor:
            cursor.execute("SET search_path TO tenancy_b")
        return execute(sql, params, many, context)

    run("SET search_path TO tenancy_a")
    with caller.execute_wrapper(set_tenant):
        assert_only("b", size, TenancyNote.objects.all())


def test_a_path_that_changes_between_two_streams(caller: BaseDatabaseWrapper, size: int) -> None:
    rows = stream(TenancyNote.objects.all())
    for tenant in "aba":
        run(f"SET search_path TO tenancy_{tenant}")
        assert {row.tenant for row in rows} == {tenant}
