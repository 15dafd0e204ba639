"""The changelist of a large table: counted within a bound, else estimated, never read whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User as Account
from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import EmptyPage
from django.db import connection, transaction
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path

from chunkqs import admin as chunkqs_admin
from chunkqs.admin import EstimatingPaginator, LargeTableAdminMixin
from tests.support.models import Event, User
from tests.support.rows import make

#: Conditions that take a second or more to evaluate.
SLOW = {
    "postgresql": "pg_sleep(1) IS NOT NULL",
    "mysql": "(SELECT SLEEP(1)) = 0",
}

site = admin.AdminSite()


@admin.register(Event, site=site)
class EventAdmin(LargeTableAdminMixin, admin.ModelAdmin):
    list_display = ["kind", "path"]
    list_filter = ["kind"]
    search_fields = ["path"]
    list_per_page = 10
    list_max_show_all = 20


urlpatterns = [path("admin/", site.urls)]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

explaining = pytest.mark.database("postgresql", "mysql")


@pytest.fixture
def client(db: None) -> Client:
    make(Event, 45)
    client = Client()
    client.force_login(Account.objects.create_superuser("admin"))
    return client


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the planner expect so many rows."""

    def expect(rows: int) -> None:
        monkeypatch.setattr(chunkqs_admin, "estimate", lambda queryset, connection: rows)

    return expect


def slow(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return queryset.filter(RawSQL(SLOW[connection.vendor], [], output_field=BooleanField()))


def changelist(client: Client, query: str = "") -> Any:
    response = client.get(f"/admin/tests/event/{query}")
    assert response.status_code == 200
    return response.context["cl"]


def counts(client: Client, query: str = "") -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        changelist(client, query)
    return [one["sql"] for one in queries if "COUNT(" in one["sql"] and "tests_event" in one["sql"]]


def test_few_rows_are_counted_once(client: Client) -> None:
    assert changelist(client).result_count == 45
    assert changelist(client, "?kind__exact=click").result_count == 11
    assert len(counts(client)) == 1


def test_many_rows_are_not_counted_without_a_filter(
    client: Client, large: Callable[[int], None]
) -> None:
    large(12_345_678)
    if connection.vendor == "sqlite":
        assert changelist(client).result_count == 45
    else:
        assert changelist(client).result_count == 12_345_678
        assert counts(client) == []
    assert changelist(client, "?kind__exact=click").result_count == 11
    assert changelist(client, "?q=pages/7").result_count == 1


@explaining
def test_a_count_that_takes_long_is_cut_off_and_estimated(
    client: Client, large: Callable[[int], None], settings: Any
) -> None:
    large(500)
    settings.CHUNKQS = {"COUNT_SECONDS": 0.05}
    paginator = EstimatingPaginator(slow(Event.objects.order_by("pk")), 10)
    assert paginator.count == 500
    assert paginator.is_estimated
    assert Event.objects.count() == 45


@explaining
def test_the_limit_of_a_count_holds_for_nothing_else(settings: Any) -> None:
    make(Event, 1)
    settings.CHUNKQS = {"COUNT_SECONDS": 0.05}
    with transaction.atomic():
        assert EstimatingPaginator(Event.objects.order_by("pk"), 10).count == 1
        assert len(slow(Event.objects.order_by("pk"))) == 1


@explaining
def test_a_bound_of_zero_never_counts(client: Client, settings: Any) -> None:
    settings.CHUNKQS = {"COUNT_SECONDS": 0}
    assert counts(client, "?kind__exact=click") == []


@explaining
@pytest.mark.parametrize("seconds", ["1", -1, float("inf"), float("nan"), True, None])
def test_a_bound_that_is_no_number_of_seconds_is_refused(settings: Any, seconds: Any) -> None:
    settings.CHUNKQS = {"COUNT_SECONDS": seconds}
    with pytest.raises(ImproperlyConfigured, match="COUNT_SECONDS"):
        EstimatingPaginator(Event.objects.order_by("pk"), 10).page(1)


@explaining
@pytest.mark.parametrize("estimated", [0, 1, 10, 20])
def test_an_estimate_of_few_rows_never_reads_all_of_them(
    client: Client, large: Callable[[int], None], settings: Any, estimated: int
) -> None:
    large(estimated)
    settings.CHUNKQS = {"COUNT_SECONDS": 0}
    for query in ("", "?all=", "?kind__exact=view&all="):
        listed = changelist(client, query)
        assert len(listed.result_list) == 10
        assert listed.multi_page
        assert not listed.can_show_all


@explaining
def test_links_lead_to_every_row_when_the_estimate_is_too_low(
    client: Client, large: Callable[[int], None], settings: Any
) -> None:
    large(0)
    settings.CHUNKQS = {"COUNT_SECONDS": 0}
    seen: list[int] = []
    number = 1
    while True:
        listed = changelist(client, f"?p={number}")
        seen += [event.pk for event in listed.result_list]
        if number + 1 not in list(listed.paginator.get_elided_page_range(number)):
            break
        number += 1
    assert seen == list(Event.objects.order_by("-pk").values_list("pk", flat=True))


@explaining
def test_pages_that_cannot_be_are_refused(client: Client, settings: Any) -> None:
    settings.CHUNKQS = {"COUNT_SECONDS": 0}
    for number in ("0", "-1", "9" * 30):
        response = client.get(f"/admin/tests/event/?p={number}")
        assert response.status_code == 302
    with pytest.raises(EmptyPage):
        EstimatingPaginator(Event.objects.order_by("pk"), 10).page(0)


def test_the_pages_of_a_counted_list_are_those_of_django(client: Client) -> None:
    paginator = EstimatingPaginator(Event.objects.order_by("pk"), 10)
    assert paginator.num_pages == 5
    assert len(paginator.page(5)) == 5
    with pytest.raises(EmptyPage):
        paginator.page(6)


def test_the_total_without_filters_is_not_counted(client: Client) -> None:
    assert changelist(client, "?kind__exact=click").full_result_count is None


def test_another_paginator_of_the_admin_is_left_alone(rf: RequestFactory) -> None:
    class Counting(LargeTableAdminMixin, admin.ModelAdmin):
        from django.core.paginator import Paginator as paginator

    paginator = Counting(User, site).get_paginator(rf.get("/"), User.objects.order_by("pk"), 7)
    assert not re.search("Estimating", type(paginator).__name__)
