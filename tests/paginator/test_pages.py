"""What a page is, and what it costs."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from chunkqs import KeysetError, KeysetPaginator
from tests.support import rows
from tests.support.keysets import fill
from tests.support.models import Event, Ranked, User
from tests.support.paging import forward


@pytest.mark.django_db
def test_prefetched_rows_cost_one_query_more_for_each_lookup(
    django_assert_num_queries: Any,
) -> None:
    rows.make(Event, 30)
    users = User.objects.order_by("name").prefetch_related("event_set")
    with django_assert_num_queries(2):
        first = KeysetPaginator(users, 2).page()
        assert [len(user.event_set.all()) for user in first] == [6, 6]
    with django_assert_num_queries(1):
        page = KeysetPaginator(Event.objects.select_related("user").order_by("kind"), 7).page()
        assert len({event.user.email for event in page}) > 1


@pytest.mark.django_db
def test_values_are_paged_as_dicts_and_tuples_without_the_key_columns() -> None:
    rows.make(Event, 9)
    events = Event.objects.order_by("-created_at", "pk")
    for values in (events.values("path"), events.values_list("path", "status")):
        pages = forward(KeysetPaginator(values, 4))
        assert [row for page in pages for row in page] == list(values)


@pytest.mark.django_db
def test_a_page_of_no_rows_has_no_neighbours() -> None:
    for queryset in (Event.objects.all(), Event.objects.none(), Event.objects.filter(pk__in=[])):
        for token in (None, "first", "last"):
            page = KeysetPaginator(queryset, 5).page(token)
            assert list(page) == []
            assert not page.has_other_pages()


@pytest.mark.django_db
def test_a_page_is_a_sequence_that_knows_its_paginator() -> None:
    rows.make(Event, 9)
    paginator = KeysetPaginator(Event.objects.order_by("pk"), 4)
    page = paginator.get_page(None)
    assert page.paginator is paginator
    assert len(page) == 4
    assert page[0] == page.object_list[0]
    assert page[1:3] == page.object_list[1:3]
    assert page[-1] in page
    assert list(reversed(page)) == page.object_list[::-1]
    assert repr(page) == "<KeysetPage: 4 rows of tests.Event>"


@pytest.mark.django_db(transaction=True)
def test_pages_come_in_coroutines_too() -> None:
    rows.make(Event, 9)
    paginator = KeysetPaginator(Event.objects.order_by("pk"), 4)

    async def pages() -> list[list[Any]]:
        assert await paginator.aestimate() >= 0
        return [list(await paginator.apage("last")), list(await paginator.aget_page("nonsense"))]

    events = list(Event.objects.order_by("pk"))
    assert async_to_sync(pages)() == [events[5:], events[:4]]


@pytest.mark.django_db
def test_the_estimate_is_about_the_number_of_rows() -> None:
    rows.make(Event, 9)
    assert KeysetPaginator(Event.objects.all(), 4).estimate() >= 1


def test_wrong_arguments_raise_at_the_call_without_a_query() -> None:
    with pytest.raises(KeysetError, match="random order"):
        KeysetPaginator(Event.objects.order_by("?"), 10)
    with pytest.raises(TypeError, match=r"KeysetPaginator\(\) takes a QuerySet"):
        KeysetPaginator([1, 2], 10)
    with pytest.raises(TypeError, match="per_page"):
        KeysetPaginator(Event.objects.all(), None)
    for size in (0, -1, 2**31):
        with pytest.raises(ValueError, match="per_page"):
            KeysetPaginator(Event.objects.all(), size)


@pytest.mark.database("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_locked_rows_are_paged_too() -> None:
    fill(groups=2, most=8, seed=1)
    for order in ("number", "maybe"):
        with transaction.atomic():
            queryset = Ranked.objects.select_for_update().order_by(order)
            pages = forward(KeysetPaginator(queryset, 3))
            locked = [row for page in pages for row in page]
            assert locked == list(Ranked.objects.order_by(order, "pk"))


@pytest.mark.django_db
def test_a_page_is_not_pickled_with_the_rows_of_all_pages(django_assert_num_queries: Any) -> None:
    rows.make(Event, 9)
    page = KeysetPaginator(Event.objects.order_by("pk"), 4).page()
    with django_assert_num_queries(0), pytest.raises(TypeError, match="object_list and its tokens"):
        pickle.dumps(page)
