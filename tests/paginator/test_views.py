"""KeysetListView: the context of ListView, and 404 for what is no page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.urls import path

from chunkqs import KeysetListView, KeysetPage, KeysetPaginator
from tests.support.models import Event
from tests.support.paging import mutations
from tests.support.rows import make

TEMPLATE = """
{% for event in event_list %}{{ event.pk }} {% endfor %}
{% if page_obj.has_previous %}previous={{ page_obj.previous_token }}{% endif %}
{% if page_obj.has_next %}next={{ page_obj.next_token }}{% endif %}
"""


class EventList(KeysetListView):
    model = Event
    ordering = "-created_at"
    paginate_by: int | None = 3

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> Any:
        text = engines["django"].from_string(TEMPLATE).render(context)
        response = HttpResponse(text)
        response.context = context  # type: ignore[attr-defined]
        return response


class WithoutEmptyPages(EventList):
    allow_empty = False


class Whole(EventList):
    paginate_by = None


class WithOrphans(EventList):
    paginate_orphans = 2


urlpatterns = [
    path("events/", EventList.as_view()),
    path("events/page/<str:page>/", EventList.as_view()),
    path("some/", WithoutEmptyPages.as_view()),
    path("all/", Whole.as_view()),
    path("orphans/", WithOrphans.as_view()),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def events(db: None) -> list[Event]:
    make(Event, 9)
    return list(Event.objects.order_by("-created_at", "-pk"))


def test_the_context_is_that_of_a_list_view(client: Client, events: list[Event]) -> None:
    context = client.get("/events/").context
    assert isinstance(context["paginator"], KeysetPaginator)
    assert isinstance(context["page_obj"], KeysetPage)
    assert context["is_paginated"] is True
    assert context["object_list"] == context["event_list"] == events[:3]


def test_the_pages_lead_to_each_other(client: Client, events: list[Event]) -> None:
    first = client.get("/events/")
    second = client.get("/events/", {"page": first.context["page_obj"].next_token})
    assert second.context["object_list"] == events[3:6]
    assert f"previous={second.context['page_obj'].previous_token}" in second.content.decode()
    third = client.get(f"/events/page/{second.context['page_obj'].next_token}/")
    assert third.context["object_list"] == events[6:]
    assert "next=" not in third.content.decode()
    back = client.get(f"/events/page/{second.context['page_obj'].previous_token}/")
    assert back.context["object_list"] == events[:3]
    assert client.get("/events/?page=last").context["object_list"] == events[6:]


def test_a_page_is_one_query(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        client.get("/events/")


def test_one_page_is_not_paginated(client: Client) -> None:
    for event in Event.objects.order_by("pk")[3:]:
        event.delete()
    context = client.get("/events/").context
    assert context["is_paginated"] is False
    assert not context["page_obj"].has_other_pages()


def test_without_a_page_size_all_rows_are_shown(client: Client, events: list[Event]) -> None:
    context = client.get("/all/").context
    assert context["paginator"] is None
    assert list(context["object_list"].order_by("-created_at", "-pk")) == events


def test_no_rows_are_a_404_if_asked_for(client: Client) -> None:
    Event.objects.all().delete()
    assert client.get("/events/").status_code == 200
    assert client.get("/some/").status_code == 404


def test_orphans_are_refused(client: Client) -> None:
    with pytest.raises(ImproperlyConfigured, match="WithOrphans sets paginate_orphans"):
        client.get("/orphans/")


def test_a_changed_token_is_a_404_never_a_500(client: Client) -> None:
    client.raise_request_exception = False
    token = client.get("/events/").context["page_obj"].next_token
    for changed in list(mutations(token, 7, 300)):
        text = quote(changed, errors="surrogatepass")
        assert client.get(f"/events/?page={text}").status_code == 404
    for text in ("1", "0", "-1", "%00", "%ff", "%ed%a0%80", "a" * 5_000, "first%20", "[]"):
        assert client.get(f"/events/?page={text}").status_code == 404
