"""Tokens of pages: short, signed, bound to model and order; a changed one is refused."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import F
from django.test import override_settings

from chunkqs import InvalidPosition, KeysetPaginator
from tests.support.models import Event, Ranked, User
from tests.support.paging import forward, mutations
from tests.support.rows import make

pytestmark = pytest.mark.django_db

LONGEST = 200


def tokens() -> tuple[KeysetPaginator[Any], list[str]]:
    """Return a paginator by date and key, and the two tokens of a page in its middle."""
    make(Event, 9)
    paginator = KeysetPaginator(Event.objects.order_by("-created_at"), 3)
    page = paginator.page(paginator.page().next_token)
    assert page.next_token
    assert page.previous_token
    return paginator, [page.next_token, page.previous_token]


def test_a_token_of_a_date_and_a_key_is_short_enough_for_a_url() -> None:
    moment = datetime(2024, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    Ranked.objects.bulk_create(
        Ranked(pk=2**62 + n, number=1, moment=moment, day=moment.date()) for n in range(9)
    )
    for field in ("moment", "day"):
        for page in forward(KeysetPaginator(Ranked.objects.order_by(field, "pk"), 3)):
            for token in filter(None, (page.next_token, page.previous_token)):
                assert len(token) < LONGEST
                assert set(token) <= set(string.ascii_letters + string.digits + "-._~")


def test_a_token_is_bound_to_its_model_and_its_order() -> None:
    _, made = tokens()
    for other in (
        Event.objects.order_by("created_at"),
        Event.objects.order_by("-created_at").reverse(),
        Event.objects.order_by("-created_at", "pk"),
        Event.objects.order_by(F("created_at").desc(nulls_last=True)),
        Event.objects.all(),
        User.objects.all(),
    ):
        for token in made:
            with pytest.raises(InvalidPosition):
                KeysetPaginator(other, 3).page(token)


def test_a_token_serves_for_other_filters_and_page_sizes() -> None:
    _, made = tokens()
    for token in made:
        page = KeysetPaginator(Event.objects.order_by("-created_at").filter(status=1), 2)
        assert list(page.page(token))


def test_a_token_does_not_turn_round_by_its_prefix() -> None:
    paginator, (onward, back) = tokens()
    assert back.startswith("-")
    for turned in (f"-{onward}", back[1:]):
        with pytest.raises(InvalidPosition):
            paginator.page(turned)


def test_a_token_of_another_secret_key_is_refused() -> None:
    with override_settings(SECRET_KEY="another"):
        _, made = tokens()
    for token in made:
        with pytest.raises(InvalidPosition):
            KeysetPaginator(Event.objects.order_by("-created_at"), 3).page(token)


def test_the_token_of_the_next_page_is_the_position_of_a_walk() -> None:
    paginator = KeysetPaginator(Event.objects.order_by("-created_at"), 3)
    make(Event, 9)
    token = paginator.page().next_token
    after = Event.objects.order_by("-created_at").keyset_iter(after=token)
    assert list(after) == [row for page in forward(paginator, token) for row in page]


@pytest.mark.parametrize("token", [1, "1", "-1", "-", b"first", ["first"], {}, "LAST", 0.5])
def test_what_is_no_token_is_refused_or_the_first_page(token: Any) -> None:
    paginator, _ = tokens()
    with pytest.raises(InvalidPosition):
        paginator.page(token)
    assert list(paginator.get_page(token)) == list(paginator.page())


def test_ten_thousand_changed_tokens_are_refused_without_a_query(
    django_assert_num_queries: Any,
) -> None:
    paginator, made = tokens()
    changed = [one for n, token in enumerate(made) for one in mutations(token, n, 5_050)]
    assert len(changed) > 10_000
    with django_assert_num_queries(0):
        for token in changed:
            with pytest.raises(InvalidPosition):
                paginator.page(token)
