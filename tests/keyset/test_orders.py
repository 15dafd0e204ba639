"""Orders that a walk once lost its way in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    FilteredRelation,
    Func,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Collate, Extract, Lower, Trunc
from django.test import override_settings
from django.test.utils import isolate_apps

from chunkqs import InvalidPosition, KeysetError, keyset_iter
from chunkqs.keyset.keyset import keyset_of
from tests.support.keysets import fill, pks
from tests.support.models import Article, Composite, Nullable, Owner, Ranked, User
from tests.support.private import run

pytestmark = pytest.mark.django_db

#: Orders of which each is another one.
DIFFERENT: list[Any] = [
    Trunc("moment", "month"),
    Trunc("moment", "year"),
    Extract("moment", "month"),
    Extract("moment", "minute"),
    Cast("number", CharField()),
    Cast("number", IntegerField()),
    KT("document__a"),
    KT("document__b"),
    Collate("text", "C"),
    Collate("text", "D"),
    Lower("text"),
    Coalesce("maybe", 0),
    Coalesce("maybe", 1),
    Coalesce("maybe", "number"),
    Case(When(number=1, then=0), default=1),
    Case(When(number=2, then=0), default=1),
    Case(When(Q(number=1) | Q(maybe=1), then=0), default=1),
    Case(When(Q(number=1) & Q(maybe=1), then=0), default=1),
    Case(When(~Q(number=1), then=0), default=1),
    Subquery(Owner.objects.filter(pk=OuterRef("owner")).order_by().values("rank")[:1]),
    Subquery(Owner.objects.filter(pk=OuterRef("owner")).order_by().values("name")[:1]),
    Subquery(Owner.objects.filter(rank=1, pk=OuterRef("owner")).order_by().values("name")[:1]),
    Exists(Owner.objects.filter(pk=OuterRef("owner"))),
    ~Exists(Owner.objects.filter(pk=OuterRef("owner"))),
    F("owner__name"),
    F("owner__rank"),
    F("number") - F("maybe"),
    F("number") + F("maybe"),
    F("number") + Value(1),
]


def test_no_two_orders_have_one_signature() -> None:
    signatures = [keyset_of(Ranked.objects.order_by(order)).signature for order in DIFFERENT]
    assert len(set(signatures)) == len(DIFFERENT)


@pytest.mark.parametrize("vowel", ["a", "b"])
def test_the_condition_of_a_filtered_relation_is_part_of_the_order(vowel: str) -> None:
    def by(name: str) -> Any:
        relation = FilteredRelation("owner", condition=Q(owner__name=name))
        return Ranked.objects.alias(some=relation).order_by("some__rank")

    assert keyset_of(by("a")).signature != keyset_of(by("b")).signature
    assert keyset_of(by(vowel)).signature == keyset_of(by(vowel)).signature


def test_an_order_has_one_signature_however_it_is_written_and_filtered() -> None:
    written = [
        Ranked.objects.order_by(Lower("text")),
        Ranked.objects.order_by(Lower(F("text"))),
        Ranked.objects.annotate(low=Lower("text")).order_by("low"),
        Ranked.objects.filter(owner__name="a").order_by(Lower("text")),
    ]
    assert len({keyset_of(queryset).signature for queryset in written}) == 1
    filtered = [
        Article.objects.order_by("author__name"),
        Article.objects.filter(editor__name="b").order_by("author__name"),
        Article.objects.filter(author__name="a", editor__name="b").order_by("author__name"),
    ]
    assert len({keyset_of(queryset).signature for queryset in filtered}) == 1
    others = [Article.objects.order_by("editor__name"), Article.objects.order_by("author__id")]
    assert len({keyset_of(queryset).signature for queryset in [*filtered, *others]}) == 3


def test_a_token_of_another_expression_is_refused() -> None:
    fill(1, most=10, seed=1)
    rows = keyset_iter(Ranked.objects.order_by(Trunc("moment", "month")))
    next(iter(rows))
    with pytest.raises(InvalidPosition, match="another ordering"):
        keyset_iter(Ranked.objects.order_by(Trunc("moment", "year")), after=rows.position)


@pytest.fixture
def vienna() -> Iterator[None]:
    """Let Django and the session live where the clocks are put back."""
    with override_settings(USE_TZ=False, TIME_ZONE="Europe/Vienna"):
        yield


@pytest.mark.database("postgresql")
@pytest.mark.usefixtures("vienna")
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("order", ["moment", "-moment"])
def test_the_hour_that_comes_twice_is_walked_once_in_each(order: str, size: int) -> None:
    fill(1, most=1, seed=1)
    Ranked.objects.all().delete()
    first = datetime(2024, 10, 26, 23, tzinfo=UTC)
    for number in range(40):
        run(
            "INSERT INTO tests_ranked (name, number, moment, document)"
            f" VALUES ('', {number}, '{first + timedelta(minutes=5 * number)}', '{{}}')"
        )
    expected = list(range(40)) if order == "moment" else list(range(40))[::-1]
    queryset = Ranked.objects.order_by(order)
    rows = keyset_iter(queryset, chunk_size=size)
    assert [row.number for row in rows] == expected
    rows = keyset_iter(queryset, chunk_size=size)
    for number, _ in zip(range(25), rows, strict=False):
        assert number < 25
    rest = keyset_iter(queryset, chunk_size=size, after=rows.position)
    assert [row.number for row in rest] == expected[25:]


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("order", [["-name"], ["name", "-number"], ["-pk"]])
def test_a_composite_key_among_the_values_is_no_column_of_the_order(
    order: list[str], size: int
) -> None:
    Composite.objects.bulk_create(
        Composite(tenant=n % 3, number=n, name=f"{n * 7 % 5}") for n in range(20)
    )
    queryset = Composite.objects.order_by(*order)
    expected = pks(queryset.order_by(*order, "-pk" if order[-1][0] == "-" else "pk"))
    for values in (queryset.values("pk", "name"), queryset.values_list("pk", "name")):
        rows: Any = keyset_iter(values, chunk_size=size)
        assert [row["pk"] if isinstance(row, dict) else row[0] for row in rows] == expected


@pytest.mark.parametrize(
    ("order", "part"),
    [
        (RandomUUID(), "random order"),
        (Func(function="uuid", output_field=CharField()), "random order"),
        (TransactionNow(), "the current time"),
        (Func(template="now()", output_field=CharField()), "the current time"),
    ],
)
def test_values_that_are_new_in_each_query_are_no_order(order: Any, part: str) -> None:
    with pytest.raises(KeysetError, match=part):
        keyset_iter(Ranked.objects.order_by(order))


@pytest.mark.django(6, 1)
def test_functions_that_make_keys_are_no_order() -> None:
    from django.db.models.functions import UUID4, UUID7

    for function in (UUID4(), UUID7()):
        with pytest.raises(KeysetError, match="random order"):
            keyset_iter(Ranked.objects.order_by(function))


@pytest.mark.database("mysql")
@isolate_apps("tests.support")
def test_what_mysql_sorts_by_number_and_compares_as_text_is_no_order() -> None:
    class SizeField(models.CharField):
        def db_type(self, connection: Any) -> str:
            return "enum('small', 'medium', 'large')"

    class Sized(models.Model):
        size = SizeField(max_length=6)

        class Meta:
            app_label = "tests"

    with pytest.raises(KeysetError, match="'size'.*sorted by its number"):
        keyset_iter(Sized._default_manager.order_by("size"))


@pytest.mark.parametrize("size", [1, 4])
def test_a_walk_between_two_positions_is_turned_round(size: int) -> None:
    """Owner is ordered by an expression, which reverse() does not reach through a relation."""
    fill(1, most=30, seed=2)
    queryset = Ranked.objects.order_by("owner", "number")
    rows = keyset_iter(queryset, chunk_size=size)
    tokens = [rows.position for _ in rows]
    expected = [row.pk for row in rows]
    between = keyset_iter(queryset, after=tokens[3], until=tokens[-4], chunk_size=size)
    assert [row.pk for row in reversed(between)] == expected[4:-3][::-1]
    assert [row.pk for row in reversed(rows)] == expected[::-1]


def test_an_order_whose_type_django_cannot_tell_is_an_order_all_the_same() -> None:
    fill(2, most=20, seed=3)
    for order in (Coalesce("text", "name"), Func("name", "text", function="COALESCE")):
        queryset = Ranked.objects.order_by(order)
        expected = pks(queryset.order_by(order, "pk"))
        assert [row.pk for row in keyset_iter(queryset, chunk_size=3)] == expected


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("order", ["numbers", "-grid", "moments"])
def test_arrays_are_compared_as_what_they_are(order: str) -> None:
    from tests.support.postgresql.models import Ranged
    from tests.support.rows import make

    make(Ranged, 20)
    queryset = Ranged.objects.order_by(order)
    tie = "-pk" if order[0] == "-" else "pk"
    for size in (1, 7):
        rows = keyset_iter(queryset, chunk_size=size)
        assert [row.pk for row in rows] == pks(queryset.order_by(order, tie))


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(
    "rows",
    [
        Nullable.objects.distinct().order_by("user__name", "-text", "-pk"),
        Nullable.objects.filter(number=2).distinct().order_by("user__name", "number", "-text"),
        Nullable.objects.filter(number=2)
        .values_list("pk", "user")
        .distinct()
        .order_by("text", "number", "moment", "-user_id"),
    ],
    ids=["a related column", "a column that a filter pins", "values"],
)
def test_distinct_rows_in_the_order_of_columns_that_are_not_selected(rows: Any, size: int) -> None:
    users = User.objects.bulk_create(
        User(name=f"user {n % 3}", email=f"{n}@example.com", active=True) for n in range(6)
    )
    Nullable.objects.bulk_create(
        Nullable(user=users[n % 6] if n % 4 else None, number=n % 3, text="ab"[n % 2])
        for n in range(12)
    )
    expected = list(keyset_of(rows).queryset)
    assert list(iter(keyset_iter(rows, chunk_size=size))) == expected
    assert list(iter(keyset_iter(rows, chunk_size=size, bounded=False))) == expected
    assert list(reversed(keyset_iter(rows, chunk_size=size))) == expected[::-1]
