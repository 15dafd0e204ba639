"""KeysetPagination in the place of CursorPagination: its cases, and those that it fails in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from chunkqs import KeysetError
from chunkqs.rest_framework import KeysetPagination
from tests.support.models import Nullable, Ranked
from tests.support.paging import mutations

#: Ties over more than a page, and single values between them.
NUMBERS = [
    *[1, 1, 1, 1, 1],
    *[1, 2, 3, 4, 4],
    *[4, 4, 5, 6, 7],
    *[7, 7, 7, 7, 7],
    *[7, 7, 7, 8, 9],
    *[9, 9, 9, 9, 9],
]


class NullableSerializer(serializers.ModelSerializer):
    class Meta:
        model = Nullable
        fields = ["id", "number", "text"]


class ByNumber(KeysetPagination):
    page_size = 5
    page_size_query_param = "page_size"
    max_page_size = 20
    ordering = "number"


class ByKey(KeysetPagination):
    page_size = 5


class ByNullsLast(KeysetPagination):
    page_size = 4
    ordering = (F("number").desc(nulls_last=True), "text")


class Numbers(ListAPIView):
    queryset: Any = Nullable.objects.all()
    serializer_class = NullableSerializer
    pagination_class = ByNumber


class Ordered(Numbers):
    filter_backends = [SearchFilter, OrderingFilter]
    search_fields = ["text"]
    ordering_fields = ["number", "text", "user__name"]
    ordering = ["-text"]


class RankedSerializer(serializers.ModelSerializer):
    class Meta:
        model = Ranked
        fields = ["id", "document"]


class Documents(ListAPIView):
    queryset = Ranked.objects.all()
    serializer_class = RankedSerializer
    pagination_class = ByKey
    filter_backends = [OrderingFilter]
    ordering_fields = "__all__"


class Unordered(Documents):
    pagination_class = ByNumber
    ordering = ["document"]
    filter_backends: list[Any] = [OrderingFilter]


class Values(Numbers):
    queryset = Nullable.objects.values("id", "number", "text")


urlpatterns = [
    path("numbers/", Numbers.as_view()),
    path("keys/", Numbers.as_view(pagination_class=ByKey)),
    path("nulls/", Numbers.as_view(pagination_class=ByNullsLast)),
    path("ordered/", Ordered.as_view()),
    path("documents/", Documents.as_view()),
    path("unordered/", Unordered.as_view()),
    path("values/", Values.as_view()),
    path("unpaged/", Numbers.as_view(pagination_class=KeysetPagination)),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    Nullable.objects.bulk_create(
        Nullable(number=number, text=f"text {n % 3}") for n, number in enumerate(NUMBERS)
    )


@pytest.fixture
def client() -> APIClient:
    return APIClient()


def get(client: APIClient, url: str) -> Any:
    response = client.get(url)
    assert response.status_code == 200, response.data
    return response.data


def follow(client: APIClient, url: str | None, link: str) -> Iterator[list[Any]]:
    while url:
        data = get(client, url)
        yield data["results"]
        url = data[link]


def values(page: list[Any], name: str = "number") -> list[Any]:
    return [row[name] for row in page]


def test_it_stands_in_the_place_of_cursor_pagination() -> None:
    assert issubclass(KeysetPagination, CursorPagination)


def test_the_pages_go_forward_and_back(client: APIClient) -> None:
    first = get(client, "/numbers/")
    assert list(first) == ["next", "previous", "results"]
    assert first["previous"] is None
    assert values(first["results"]) == [1, 1, 1, 1, 1]
    onward = list(follow(client, "/numbers/", "next"))
    assert [values(page) for page in onward] == [NUMBERS[n : n + 5] for n in range(0, 30, 5)]
    assert len({row["id"] for page in onward for row in page}) == 30
    back = list(follow(client, "/numbers/?cursor=last", "previous"))
    assert back == onward[::-1]


def test_the_links_keep_the_other_parameters(client: APIClient) -> None:
    link = get(client, "/numbers/?page_size=3&kind=x")["next"]
    query = parse_qs(urlsplit(link).query)
    assert link.startswith("http://testserver/numbers/?")
    assert query["page_size"] == ["3"]
    assert query["kind"] == ["x"]
    assert len(query["cursor"][0]) < 200


@pytest.mark.parametrize(
    ("asked", "size"),
    [("3", 3), ("1000", 20), ("9" * 30, 20), ("0", 5), ("-1", 5), ("x", 5), ("", 5)],
)
def test_the_client_sets_the_page_size_within_limits(
    client: APIClient, asked: str, size: int
) -> None:
    data = get(client, f"/numbers/?page_size={asked}")
    assert values(data["results"]) == NUMBERS[:size]
    assert values(get(client, data["next"])["results"]) == NUMBERS[size : 2 * size]


def test_a_page_size_without_limit_is_what_a_database_takes(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByNumber, "max_page_size", None)
    assert values(get(client, f"/numbers/?page_size={'9' * 30}")["results"]) == NUMBERS


def test_without_a_page_size_nothing_is_paged(client: APIClient) -> None:
    assert len(get(client, "/unpaged/")) == len(NUMBERS)


def test_without_an_ordering_the_order_is_the_querysets_own(client: APIClient) -> None:
    pages = list(follow(client, "/keys/", "next"))
    ids = [row["id"] for page in pages for row in page]
    assert ids == sorted(ids)


def test_nulls_are_paged_like_other_values(client: APIClient) -> None:
    Nullable.objects.filter(number=4).update(number=None)
    expected = list(
        Nullable.objects.order_by(F("number").desc(nulls_last=True), "text", "id").values_list(
            "id", flat=True
        )
    )
    pages = list(follow(client, "/nulls/", "next"))
    assert [row["id"] for page in pages for row in page] == expected
    back = list(follow(client, "/nulls/?cursor=last", "previous"))
    assert [row["id"] for page in reversed(back) for row in page] == expected


def test_an_ordering_filter_has_precedence(client: APIClient) -> None:
    pages = list(follow(client, "/ordered/?ordering=-number,text", "next"))
    expected = Nullable.objects.order_by("-number", "text", "pk").values_list("pk", flat=True)
    assert [row["id"] for page in pages for row in page] == list(expected)
    assert len({tuple(values(page, "id")) for page in pages}) == 6


def test_the_default_of_an_ordering_filter_has_precedence_too(client: APIClient) -> None:
    for url in ("/ordered/", "/ordered/?ordering=nonsense"):
        pages = list(follow(client, url, "next"))
        assert [row["text"] for page in pages for row in page] == sorted(
            (f"text {n % 3}" for n in range(30)), reverse=True
        )


def test_a_related_field_orders(client: APIClient) -> None:
    pages = list(follow(client, "/ordered/?ordering=user__name,-number", "next"))
    assert values([row for page in pages for row in page]) == sorted(NUMBERS, reverse=True)


def test_a_filter_applies_to_all_pages(client: APIClient) -> None:
    pages = list(follow(client, "/ordered/?search=text 1&ordering=number", "next"))
    assert [len(page) for page in pages] == [5, 5]


def test_a_cursor_of_another_order_is_a_404(client: APIClient) -> None:
    link = get(client, "/ordered/?ordering=number")["next"]
    response = client.get(link.replace("ordering=number", "ordering=-number"))
    assert response.status_code == 404
    assert response.data["detail"] == "Invalid cursor"


def test_a_changed_cursor_is_a_404_never_a_500(client: APIClient) -> None:
    client.raise_request_exception = False
    (cursor,) = parse_qs(urlsplit(get(client, "/numbers/")["next"]).query)["cursor"]
    changed = [quote(one, errors="surrogatepass") for one in mutations(cursor, 5, 300)]
    for text in [*changed, "1", "cD00ODY=", "%00", "%ff", "a" * 3_000]:
        assert client.get(f"/numbers/?cursor={text}").status_code == 404
    assert get(client, "/numbers/?cursor=")["previous"] is None


def test_ten_thousand_changed_cursors_are_refused(client: APIClient) -> None:
    (cursor,) = parse_qs(urlsplit(get(client, "/numbers/")["next"]).query)["cursor"]
    request = Request(APIRequestFactory().get("/numbers/"))
    for changed in mutations(cursor, 11, 10_010):
        request._request.GET = {"cursor": changed}
        with pytest.raises(NotFound, match="Invalid cursor"):
            ByNumber().paginate_queryset(Nullable.objects.all(), request)


def test_an_order_that_cannot_be_paged_is_the_clients_fault_if_he_chose_it(
    client: APIClient,
) -> None:
    response = client.get("/documents/?ordering=document")
    assert response.status_code == 400
    assert response.data == {"ordering": ["No pages can be read in this order."]}
    with pytest.raises(KeysetError, match="JSONField"):
        client.get("/unordered/")


def test_values_are_paged(client: APIClient) -> None:
    pages = list(follow(client, "/values/", "next"))
    assert values([row for page in pages for row in page]) == NUMBERS


def test_deleted_and_inserted_rows_neither_hide_nor_repeat_others(client: APIClient) -> None:
    first = get(client, "/keys/")
    second = get(client, first["next"])
    Nullable.objects.filter(
        pk__in=[first["results"][-1]["id"], second["results"][0]["id"]]
    ).delete()
    again = get(client, first["next"])
    assert again["results"][:4] == second["results"][1:]
    assert get(client, again["previous"])["results"] == first["results"][:-1]
    last = get(client, "/keys/?cursor=last")
    Nullable.objects.filter(pk__in=values(last["results"], "id")).delete()
    emptied = get(client, get(client, last["previous"])["next"]) if last["previous"] else last
    assert emptied["results"] == []
    assert emptied["next"] is None
    assert get(client, emptied["previous"])["next"] is None


def test_a_page_is_one_query(client: APIClient) -> None:
    for url in ("/numbers/", "/numbers/?cursor=last", get(client, "/numbers/")["next"]):
        with CaptureQueriesContext(connection) as queries:
            get(client, url)
        assert len(queries) == 1


def test_an_empty_table_has_one_empty_page(client: APIClient) -> None:
    Nullable.objects.all().delete()
    assert get(client, "/numbers/") == {"next": None, "previous": None, "results": []}


def test_the_paginator_works_without_a_view() -> None:
    pagination = ByNumber()
    request = Request(APIRequestFactory().get("/somewhere/"))
    rows = pagination.paginate_queryset(Nullable.objects.all(), request)
    assert rows is not None
    assert [row.number for row in rows] == NUMBERS[:5]
    assert pagination.has_next
    assert not pagination.has_previous


def test_the_browsable_api_shows_the_controls_of_cursor_pagination(
    client: APIClient, settings: Any
) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "rest_framework"]
    page = client.get("/numbers/", HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    html = page.content.decode()
    assert "/numbers/?cursor=" in html
    assert "Next" in html
    assert "Previous" in html
    whole = client.get("/numbers/?page_size=20", HTTP_ACCEPT="text/html").content.decode()
    assert "cursor=" in whole
    Nullable.objects.filter(number__gt=2).delete()
    single = client.get("/numbers/?page_size=20", HTTP_ACCEPT="text/html").content.decode()
    assert "cursor=" not in single
