"""Pages in any order: all the rows, each once, in both directions, by one query a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Coalesce, Length, Lower

from chunkqs import KeysetPage, KeysetPaginator
from chunkqs.django_internals.ordering import is_reversed, written_ordering
from chunkqs.keyset.keyset import keyset_of
from tests.support.keysets import fill
from tests.support.models import Owner, Ranked
from tests.support.paging import backward, forward

ORDERS: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "none": lambda: Ranked.objects.all(),
    "key, descending": lambda: Ranked.objects.order_by("-pk"),
    "ties": lambda: Ranked.objects.order_by("number"),
    "ties, descending": lambda: Ranked.objects.order_by("-number"),
    "moments": lambda: Ranked.objects.order_by("-moment"),
    "NULLs": lambda: Ranked.objects.order_by("maybe"),
    "NULLs, descending": lambda: Ranked.objects.order_by("-seen_at"),
    "NULLs first": lambda: Ranked.objects.order_by(F("day").asc(nulls_first=True)),
    "NULLs last": lambda: Ranked.objects.order_by(F("amount").desc(nulls_last=True)),
    "NULLs twice": lambda: Ranked.objects.order_by("flag", "-maybe"),
    "NULLs twice, first and last": lambda: Ranked.objects.order_by(
        F("code").asc(nulls_first=True), F("span").desc(nulls_last=True)
    ),
    "mixed directions": lambda: Ranked.objects.order_by("number", "-moment", "clock"),
    "text": lambda: Ranked.objects.order_by("text", "-number"),
    "binary": lambda: Ranked.objects.order_by("-data"),
    "function": lambda: Ranked.objects.order_by(Lower("text"), Length("name").desc()),
    "annotation": lambda: Ranked.objects.annotate(c=Coalesce("maybe", "number")).order_by("-c"),
    "related field": lambda: Ranked.objects.order_by("owner__rank", "-owner__name"),
    "order of the related model": lambda: Ranked.objects.order_by("owner", "number"),
    "Meta.ordering": lambda: Owner.objects.all(),
    "aggregate": lambda: Owner.objects.annotate(n=Count("ranked")).order_by("-n"),
    "reversed": lambda: Ranked.objects.order_by("number", "-maybe").reverse(),
    "filtered": lambda: Ranked.objects.filter(number__gt=0).order_by("number"),
    "aggregate with NULLs": lambda: Owner.objects.annotate(n=Sum("ranked__maybe")).order_by("n"),
    "distinct with NULLs": lambda: Ranked.objects.distinct().order_by("maybe", "-flag"),
    "filtered by the column of the order": lambda: Ranked.objects.filter(maybe=1).order_by(
        "maybe", "flag"
    ),
    "distinct": lambda: Ranked.objects.distinct().order_by("number"),
}
SIZES = [1, 2, 7, 50]

in_any_order = pytest.mark.parametrize("order", ORDERS)


@pytest.fixture(scope="module", autouse=True)
def ranked(committed_db: None) -> None:
    fill(groups=3, most=12, seed=13)


def pks(queryset: QuerySet[Any, Any]) -> list[int]:
    """Return the keys in Django's own order, ties in the direction of the last term."""
    backwards = is_reversed(queryset)
    tie = "-pk" if keyset_of(queryset).columns[-1].descending != backwards else "pk"
    total = queryset.order_by(*written_ordering(queryset), tie)
    return [row.pk for row in total]


def pks_of(pages: Iterable[KeysetPage[Any]]) -> list[int]:
    return [row.pk for page in pages for row in page]


@in_any_order
@pytest.mark.parametrize("size", SIZES)
def test_the_pages_are_the_ordered_rows_in_both_directions(order: str, size: int) -> None:
    expected = pks(ORDERS[order]())
    assert len(expected) > 3
    paginator = KeysetPaginator(ORDERS[order](), size)
    onward = list(forward(paginator))
    assert pks_of(onward) == expected
    assert {len(page) for page in onward[:-1]} <= {size}
    assert not onward[0].has_previous()
    assert not onward[-1].has_next()
    assert pks_of(reversed(list(backward(paginator)))) == expected


@in_any_order
@pytest.mark.parametrize("size", SIZES)
def test_the_way_back_shows_the_same_pages(order: str, size: int) -> None:
    paginator = KeysetPaginator(ORDERS[order](), size)
    onward = list(forward(paginator))
    if onward[-1].previous_token:
        back = list(backward(paginator, onward[-1].previous_token))
        assert list(map(list, back)) == list(map(list, onward[-2::-1]))
        again = list(forward(paginator, back[-1].next_token))
        assert list(map(list, again)) == list(map(list, onward[1:]))


@in_any_order
def test_a_page_is_one_query(order: str, django_assert_num_queries: Any) -> None:
    paginator = KeysetPaginator(ORDERS[order](), 3)
    pages = list(forward(paginator))
    with django_assert_num_queries(len(pages)):
        list(forward(paginator))
    with django_assert_num_queries(len(pages)):
        list(backward(paginator))


@pytest.mark.parametrize("order", ["text", "-text"])
def test_texts_that_differ_far_behind_are_paged_in_the_order_of_their_comparison(
    order: str,
) -> None:
    """MySQL and MariaDB sort by the first 1,024 bytes, and compare by all of them."""
    Ranked.objects.bulk_create(
        Ranked(
            name=f"long {order}",
            text=None if n % 5 == 0 else "x" * 3_000 + str(n * 7 % 11),
            number=n,
            moment="2024-01-01T00:00:00Z",
        )
        for n in range(11)
    )
    queryset = Ranked.objects.filter(name=f"long {order}").order_by(order)
    known = {row.pk: row.text for row in queryset.filter(text__isnull=False)}
    expected = sorted(known, key=lambda pk: str(known[pk]), reverse=order.startswith("-"))
    paginator = KeysetPaginator(queryset, 2)
    assert [pk for pk in pks_of(forward(paginator)) if pk in known] == expected
    back = pks_of(reversed(list(backward(paginator))))
    assert back == pks_of(forward(paginator))
    assert len(back) == 11
