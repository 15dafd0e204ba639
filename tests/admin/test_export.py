"""The export of the changelist: the rows that were selected, to whom may see them."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.auth.models import User as Account
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.test import Client
from django.urls import path

from chunkqs.admin import LargeTableAdminMixin
from tests.support.models import Event, User
from tests.support.rows import make

site = admin.AdminSite()


@admin.register(Event, site=site)
class EventAdmin(LargeTableAdminMixin, admin.ModelAdmin):
    list_filter = ["kind"]
    list_per_page = 10


@admin.register(User, site=site)
class UserAdmin(LargeTableAdminMixin, admin.ModelAdmin):
    exclude = ["email"]
    actions = ["greet"]

    def greet(self, request: HttpRequest, queryset: Any) -> None:
        """Say hello."""


class Chosen(EventAdmin):
    export_fields = ["user__name", "kind"]
    export_escapes_formulas = False


class Without(EventAdmin):
    actions = None


def site_of(name: str, model_admin: type[EventAdmin]) -> admin.AdminSite:
    site = admin.AdminSite(name)
    site.register(Event, model_admin)
    return site


urlpatterns = [
    path("admin/", site.urls),
    path("chosen/", site_of("chosen", Chosen).urls),
    path("without/", site_of("without", Without).urls),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    make(Event, 45)


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(Account.objects.create_superuser("admin"))
    return client


def export(
    client: Client, url: str = "/admin/tests/event/", *, across: bool = True, **data: Any
) -> Any:
    """Run the action, as the form does when rows of a page are marked, or all of them."""
    marked = {"action": "export_csv", "index": 0, "_selected_action": [0], **data}
    return client.post(url, {**marked, "select_across": int(across)})


def records(response: Any) -> list[dict[str, str]]:
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(StringIO(text)))


def pks(exported: list[dict[str, str]]) -> list[int]:
    return [int(record["id"]) for record in exported]


def test_all_rows_are_exported_across_pages(client: Client) -> None:
    response = export(client)
    assert response.streaming
    assert response["Content-Type"].startswith("text/csv")
    assert 'filename="events.csv"' in response["Content-Disposition"]
    exported = records(response)
    assert pks(exported) == list(Event.objects.order_by("-pk").values_list("pk", flat=True))
    assert list(exported[0]) == [field.attname for field in Event._meta.concrete_fields]


def test_the_filters_of_the_changelist_apply(client: Client) -> None:
    exported = records(export(client, "/admin/tests/event/?kind__exact=click"))
    assert {record["kind"] for record in exported} == {"click"}
    assert len(exported) == Event.objects.filter(kind="click").count()


def test_selected_rows_alone_are_exported(client: Client) -> None:
    chosen = list(Event.objects.order_by("-pk").values_list("pk", flat=True)[3:6])
    exported = records(export(client, across=False, _selected_action=chosen))
    assert pks(exported) == chosen


def test_who_may_not_view_may_not_export(client: Client) -> None:
    account = Account.objects.create_user("staff", is_staff=True)
    client.force_login(account)
    assert export(client).status_code == 403
    kind = ContentType.objects.get_for_model(Event)
    account.user_permissions.add(
        Permission.objects.create(codename="view_event", content_type=kind, name="may view")
    )
    assert len(records(export(client))) == 45


def test_a_permission_of_its_own_can_be_asked_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventAdmin, "has_export_permission", lambda self, request: False)
    assert "export_csv" not in client.get("/admin/tests/event/").content.decode()
    assert export(client).status_code == 302


def test_excluded_fields_are_not_exported(client: Client) -> None:
    exported = records(export(client, "/admin/tests/user/"))
    assert list(exported[0]) == ["id", "name", "active"]


def test_the_columns_can_be_chosen(client: Client) -> None:
    exported = records(export(client, "/chosen/tests/event/"))
    assert list(exported[0]) == ["user__name", "kind"]


def test_formulas_are_escaped_unless_they_are_wanted(client: Client) -> None:
    Event.objects.update(kind="=1+1")
    assert {one["kind"] for one in records(export(client))} == {"'=1+1"}
    assert {one["kind"] for one in records(export(client, "/chosen/tests/event/"))} == {"=1+1"}


def test_the_action_stands_beside_those_of_the_admin(client: Client) -> None:
    page = client.get("/admin/tests/user/").content.decode()
    for action in ("export_csv", "greet", "delete_selected"):
        assert f'value="{action}"' in page
    assert "Export selected users as CSV" in page
    assert "export_csv" not in client.get("/without/tests/event/").content.decode()


def test_the_export_runs_no_query_for_each_row(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        assert len(records(export(client))) == 45
