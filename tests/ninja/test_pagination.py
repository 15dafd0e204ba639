"""KeysetPagination of django-ninja, as its CursorPagination is used."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.pagination import paginate

from chunkqs.ninja import KeysetPagination
from tests.support.models import Nullable
from tests.support.paging import mutations

api = NinjaAPI()


class Row(Schema):
    id: int
    number: int | None


@api.get("/numbers", response=list[Row])
@paginate(KeysetPagination, page_size=3, max_page_size=5)
def numbers(request: HttpRequest) -> Any:
    return Nullable.objects.order_by("number")


@api.get("/async-numbers", response=list[Row])
@paginate(KeysetPagination, page_size=3)
async def async_numbers(request: HttpRequest) -> Any:
    return Nullable.objects.order_by("number")


urlpatterns = [path("", api.urls)]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> list[int]:
    Nullable.objects.bulk_create(Nullable(number=n and n // 3) for n in [*range(10), None, None])
    ordered = Nullable.objects.order_by("number", "pk")
    return list(ordered.values_list("pk", flat=True))


def follow(client: Client, url: str | None, link: str) -> list[list[int]]:
    pages = []
    while url:
        data = client.get(url).json()
        pages.append([row["id"] for row in data["results"]])
        url = data[link]
    return pages


@pytest.mark.parametrize("url", ["/numbers", "/async-numbers"])
def test_the_pages_go_forward_and_back(client: Client, rows: list[int], url: str) -> None:
    onward = follow(client, url, "next")
    assert onward == [rows[n : n + 3] for n in range(0, 12, 3)]
    assert follow(client, f"{url}?cursor=last", "previous") == onward[::-1]


def test_the_client_sets_the_page_size_within_limits(client: Client, rows: list[int]) -> None:
    for asked, size in ((2, 2), (0, 1), (-7, 1), (10**30, 5)):
        assert follow(client, f"/numbers?page_size={asked}", "next")[0] == rows[:size]


def test_the_links_keep_the_other_parameters(client: Client) -> None:
    link = client.get("/numbers?page_size=2&kind=a&kind=b").json()["next"]
    assert link.startswith("http://testserver/numbers?page_size=2&kind=a&kind=b&cursor=")


def test_a_changed_cursor_is_a_422_as_those_of_ninja_are(client: Client) -> None:
    link = client.get("/numbers").json()["next"]
    for changed in mutations(link.partition("cursor=")[2], 3, 100):
        response = client.get("/numbers", {"cursor": changed.encode(errors="replace")})
        assert response.status_code == 422
        assert response.json() == {"detail": [{"cursor": "Invalid Cursor"}]}


def test_the_schema_has_next_previous_and_results() -> None:
    schema = api.get_openapi_schema(path_prefix="")
    operation = schema["paths"]["/numbers"]["get"]
    assert {one["name"] for one in operation["parameters"]} == {"page_size", "cursor"}
    assert set(schema["components"]["schemas"]["PagedRow"]["properties"]) == {
        "previous",
        "next",
        "results",
    }
