"""What happens to the table or the page size between two requests loses no row that stays."""

from __future__ import annotations

import random

import pytest
from django.db.models import F

from chunkqs import KeysetPaginator
from tests.support.keysets import fill
from tests.support.models import Event, Nullable, Ranked
from tests.support.paging import backward, forward
from tests.support.rows import make

pytestmark = pytest.mark.django_db

ORDERS = [("pk",), ("-number",), ("maybe", "-number"), (F("amount").desc(nulls_last=True), "text")]


def pks(queryset: object) -> list[int]:
    return list(queryset.values_list("pk", flat=True))


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_rows_that_stay_are_shown_once_whatever_else_comes_and_goes(
    order: tuple[object, ...], seed: int
) -> None:
    """Rows are deleted, first of a page or not, and copied, and each page has another size."""
    fill(groups=2, most=20, seed=seed)
    source = random.Random(seed)
    queryset = Ranked.objects.order_by(*order)
    staying = set(source.sample(pks(queryset), k=queryset.count() // 2))
    for step in ("next_token", "previous_token"):
        seen: list[int] = []
        token: str | None = "first" if step == "next_token" else "last"
        while token:
            page = KeysetPaginator(queryset, source.randint(1, 6)).page(token)
            seen += [row.pk for row in page]
            token = getattr(page, step)
            edges = [row.pk for row in (page[0], page[-1]) if row.pk not in staying] if page else []
            Ranked.objects.filter(pk__in=edges).delete()
            going = [pk for pk in pks(queryset) if pk not in staying]
            Ranked.objects.filter(pk__in=source.sample(going, k=len(going) // 4)).delete()
            copy = source.choice(list(queryset))
            copy.pk = None
            copy.save()
        assert staying <= set(seen)
        assert len(seen) == len(set(seen))


def test_the_page_after_a_deleted_row_begins_where_it_stood() -> None:
    make(Event, 9)
    expected = pks(Event.objects.order_by("pk"))
    paginator = KeysetPaginator(Event.objects.order_by("pk"), 3)
    second = paginator.page(paginator.page().next_token)
    Event.objects.filter(pk__in=expected[2:4]).delete()
    again = paginator.page(paginator.page().next_token)
    assert [row.pk for row in second] == expected[3:6]
    assert [row.pk for row in paginator.page(second.previous_token)] == expected[:2]
    assert [row.pk for row in again] == expected[5:8]


def test_a_page_that_was_emptied_still_leads_to_its_neighbours() -> None:
    make(Event, 9)
    expected = pks(Event.objects.order_by("pk"))
    paginator = KeysetPaginator(Event.objects.order_by("pk"), 3)
    first, second, third = forward(paginator)
    Event.objects.filter(pk__in=expected[6:]).delete()
    emptied = paginator.page(second.next_token)
    assert list(emptied) == []
    assert not emptied.has_next()
    assert [row.pk for row in paginator.page(emptied.previous_token)] == expected[3:6]
    Event.objects.filter(pk__in=expected[:3]).delete()
    emptied = paginator.page(second.previous_token)
    assert list(emptied) == []
    assert not emptied.has_previous()
    assert [row.pk for row in paginator.page(emptied.next_token)] == expected[3:6]


def test_rows_inserted_before_the_first_page_are_on_the_way_back() -> None:
    make(Event, 6)
    paginator = KeysetPaginator(Event.objects.order_by("created_at"), 3)
    second = paginator.page(paginator.page().next_token)
    earliest = Event.objects.order_by("created_at").first()
    assert earliest is not None
    earliest.pk = None
    earliest.created_at = earliest.created_at.replace(year=2000)
    earliest.save()
    back = list(backward(paginator, second.previous_token or ""))
    assert [len(page) for page in back] == [3, 1]
    assert list(back[1]) == [earliest]


def test_the_last_page_of_nulls_has_the_nulls_that_came_since() -> None:
    Nullable.objects.bulk_create(Nullable(number=n or None) for n in (3, 0, 1, 0))
    queryset = Nullable.objects.order_by(F("number").asc(nulls_last=True))
    page = KeysetPaginator(queryset, 3).page()
    Nullable.objects.create(number=None)
    after = list(forward(KeysetPaginator(queryset, 1), page.next_token))
    assert [row.number for page in after for row in page] == [None, None]
