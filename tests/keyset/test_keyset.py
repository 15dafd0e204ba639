"""Which orders a walk can follow, what makes them total, and what it says of the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import (
    Avg,
    Count,
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    Window,
)
from django.db.models.expressions import Col
from django.db.models.functions import Lower, Now, RowNumber, TruncDay

from chunkqs.errors import KeysetError
from chunkqs.keyset.keyset import Keyset, keyset_of
from chunkqs.keyset.query import KeysetQuery
from chunkqs.keyset.tokens import decode
from tests.support.keysets import fetch, fill, pks, query_of, token_of, walk
from tests.support.models import (
    Article,
    Author,
    Badge,
    Category,
    Composite,
    CompositePart,
    Described,
    Every,
    Label,
    Note,
    Nullable,
    OrderedByExpression,
    Owner,
    Profile,
    Pub,
    Ranked,
    Restaurant,
    Unique,
    User,
)


def columns(queryset: QuerySet[Any, Any]) -> list[str]:
    """Name the key columns that are columns, with a minus for each that descends."""
    return [
        ("-" if column.descending else "") + column.expression.target.attname
        for column in keyset_of(queryset).columns
        if isinstance(column.expression, Col)
    ]


def assert_walked(queryset: QuerySet[Any, Any], sizes: tuple[int, ...] = (1, 2, 7)) -> None:
    keyset = keyset_of(queryset)
    expected = fetch(query_of(keyset).statements(None, None), 10_000)
    assert len(expected) == len(queryset)
    for size in sizes:
        # Their repr, since NaN does not equal itself.
        assert repr(walk(keyset, size, bounded=True)) == repr(expected)
        assert repr(walk(keyset.reverse(), size, bounded=True)) == repr(expected[::-1])


TOTAL: list[tuple[Callable[[], QuerySet[Any, Any]], list[str]]] = [
    (lambda: User.objects.all(), ["id"]),
    (lambda: User.objects.reverse(), ["-id"]),
    (lambda: User.objects.order_by("name"), ["name", "id"]),
    (lambda: User.objects.order_by("-name"), ["-name", "-id"]),
    (lambda: User.objects.order_by("name", "-email"), ["name", "-email", "-id"]),
    (lambda: User.objects.order_by("name", "-name", "name"), ["name", "id"]),
    (lambda: User.objects.order_by("-pk", "name"), ["-id", "name"]),
    (lambda: Composite.objects.all(), ["tenant", "number"]),
    (lambda: Composite.objects.order_by("-pk"), ["-tenant", "-number"]),
    (lambda: Composite.objects.order_by("number"), ["number", "tenant"]),
    (lambda: CompositePart.objects.all(), ["user_id", "line"]),
    (lambda: Profile.objects.order_by("user"), ["user_id"]),
    (lambda: Badge.objects.all(), ["profile_id"]),
    (lambda: Restaurant.objects.all(), ["place_ptr_id"]),
    (lambda: Pub.objects.order_by("stars"), ["stars", "restaurant_ptr_id"]),
    (lambda: Unique.objects.order_by("-code"), ["-code"]),
    (lambda: Unique.objects.order_by("loose"), ["loose", "id"]),
    (lambda: Unique.objects.order_by("b", "-a"), ["b", "-a"]),
    (lambda: Unique.objects.order_by("c", "b"), ["c", "b"]),
    (lambda: Unique.objects.order_by("a", "d"), ["a", "d", "id"]),
    (lambda: Unique.objects.order_by("c"), ["c", "id"]),
]


@pytest.mark.parametrize(("queryset", "expected"), TOTAL)
def test_the_primary_key_is_added_only_where_the_order_is_not_total(
    queryset: Callable[[], QuerySet[Any, Any]], expected: list[str]
) -> None:
    assert columns(queryset()) == expected


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: User.objects.all().union(User.objects.all()), r"union\(\)"),
    (lambda: User.objects.order_by("?"), "random order"),
    (lambda: User.objects.all()[:5], "a slice"),
    (lambda: User.objects.raw("SELECT 1 AS id"), r"raw\(\)"),
    (lambda: User.objects.values("name").distinct(), r"distinct\(\) without the primary key"),
    (lambda: User.objects.distinct("name"), r"distinct\('name'\)"),
    (lambda: User.objects.values("name").annotate(n=Count("pk")), "without the primary key"),
    (lambda: Ranked.objects.dates("moment", "year"), r"distinct\(\) without the primary key"),
    (lambda: Article.objects.distinct().order_by("labels__name"), "of a to-many relation"),
    (lambda: Article.objects.values("pk", "labels__name").distinct(), "of a to-many relation"),
    (
        lambda: Article.objects.values("pk", "labels__name").annotate(n=Count("notes")),
        "groups with 'name' of a to-many relation",
    ),
    (
        lambda: Article.objects.annotate(n=Count("notes")).order_by("labels__name"),
        "groups with 'name' of a to-many relation",
    ),
    (lambda: Every.objects.order_by("document"), "order by 'document'.*JSONField has no order"),
    (lambda: Every.objects.order_by("document__name"), "JSONField has no order"),
    (lambda: User.objects.extra(order_by=["name"]), r"extra\(order_by=...\)"),
    (lambda: User.objects.extra(tables=["tests_event"]), r"extra\(tables=...\)"),
    (lambda: User.objects.annotate(n=Window(RowNumber())), "a window function"),
    (lambda: User.objects.order_by(Window(RowNumber())), "a window function"),
    (lambda: Ranked.objects.order_by(Now() - F("moment")), "order by the current time"),
]


@pytest.mark.parametrize(("queryset", "part"), REFUSED)
def test_what_has_no_place_in_an_order_is_refused_by_name(
    queryset: Callable[[], QuerySet[Any, Any]], part: str
) -> None:
    with pytest.raises(KeysetError, match=part) as error:
        keyset_of(queryset())
    assert "Use stream()" in str(error.value)


def test_a_keyset_needs_no_query_and_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "connect", None)
    # What has been learnt of the server by an earlier connection.
    for known in ("data_types", "mysql_is_mariadb", "mysql_server_data", "mysql_server_info"):
        monkeypatch.delitem(connection.__dict__, known, raising=False)
    keyset_of(Ranked.objects.order_by("owner", Lower("text"), "-amount").annotate(n=Count("owner")))


def test_signatures_tell_models_and_orders_apart_and_last() -> None:
    queryset = Ranked.objects.order_by(Lower("text"), "-number")
    assert keyset_of(queryset).signature == keyset_of(queryset.filter(number=1)).signature
    others = [
        queryset.reverse(),
        Ranked.objects.order_by(Lower("text"), "number"),
        Ranked.objects.order_by(Lower("text").asc(nulls_last=True), "-number"),
        Ranked.objects.order_by("text", "-number"),
        User.objects.all(),
    ]
    signatures = {keyset_of(other).signature for other in [queryset, *others]}
    assert len(signatures) == 1 + len(others)
    subquery = Ranked.objects.order_by(Subquery(Owner.objects.values("rank")[:1]))
    assert " at 0x" not in keyset_of(subquery).signature


@pytest.fixture
def ranked(db: None) -> None:
    fill(3, most=20, seed=4)


@pytest.fixture
def articles(db: None) -> None:
    authors = [Author.objects.create(name=name) for name in "aab"]
    labels = [Label.objects.create(name=name) for name in "xxyz"]
    category = Category.objects.create(name="b")
    for number in range(12):
        article = Article.objects.create(
            name="ab"[number % 2],
            author=authors[number % 3],
            editor=authors[number % 2] if number % 4 else None,
            category=category,
        )
        article.labels.set(labels[: number % 4])
        for _ in range(number % 3):
            Note.objects.create(about=article, text="ab"[number % 2])


@pytest.mark.parametrize(
    "order",
    [
        ["name", "author__name"],
        ["editor__name", "-author__name"],
        ["-editor", "category__name"],
        ["category__parent__name", "name"],
    ],
)
@pytest.mark.usefixtures("articles")
def test_columns_of_one_name_in_joined_tables(order: list[str]) -> None:
    assert_walked(Article.objects.order_by(*order))
    assert_walked(Article.objects.order_by(*order).select_related("author", "editor"))


@pytest.mark.usefixtures("articles")
def test_rows_that_a_to_many_join_repeats_come_as_often() -> None:
    assert_walked(Article.objects.filter(labels__name="x"))
    assert_walked(Article.objects.order_by("labels__name"))
    assert_walked(Article.objects.order_by("-notes__text", "name"))
    assert_walked(Author.objects.filter(articles__labels__name="x").order_by("name"))
    assert_walked(Article.objects.filter(labels__name="x").distinct())
    assert_walked(Article.objects.filter(labels__name="x").distinct().order_by("author__name"))


@pytest.mark.usefixtures("articles")
def test_aggregates_over_groups_by_the_key() -> None:
    assert_walked(Author.objects.annotate(n=Count("articles")).order_by("-n"))
    assert_walked(Author.objects.values("pk").annotate(n=Count("articles")).order_by("n", "-pk"))
    assert_walked(Article.objects.annotate(n=Sum("labels__pk")).order_by("n", "name"))
    counted = Article.objects.annotate(n=Count("labels")).filter(n__gt=0).order_by("-n", "name")
    assert_walked(counted)


@pytest.mark.usefixtures("ranked")
def test_computed_numbers_compare_as_they_are_read() -> None:
    third = ExpressionWrapper(F("amount") / 3, output_field=DecimalField())
    assert_walked(Ranked.objects.order_by(third))
    assert_walked(Ranked.objects.annotate(x=F("ratio") / 3.0).order_by("-x"))
    assert_walked(Ranked.objects.annotate(x=F("number") / 7.0).order_by("-x"))
    assert_walked(Owner.objects.annotate(mean=Avg("ranked__number")).order_by("mean"))
    share = ExpressionWrapper(Sum("ranked__number") * 1.0 / Count("ranked"), FloatField())
    assert_walked(Owner.objects.annotate(share=share).order_by("-share"))


@pytest.mark.database("postgresql", "mysql")
@pytest.mark.usefixtures("ranked")
def test_averages_of_decimals_compare_as_they_are_read() -> None:
    assert_walked(Owner.objects.annotate(mean=Avg("ranked__amount")).order_by("-mean"))
    seventh = Avg(F("ranked__amount") / 7, output_field=FloatField())
    assert_walked(Owner.objects.annotate(mean=seventh).order_by("mean"))


@pytest.mark.usefixtures("ranked")
@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Ranked.objects.order_by(TruncDay("moment"), "-name"),
        lambda: Ranked.objects.annotate(big=Q(number__gt=0)).order_by("-big", "name"),
        lambda: Ranked.objects.order_by(Exists(Owner.objects.filter(pk=OuterRef("owner_id")))),
        lambda: Ranked.objects.annotate(
            r=Subquery(Owner.objects.filter(pk=OuterRef("owner_id")).values("rank")[:1])
        ).order_by("r", "-number"),
        lambda: Ranked.objects.order_by(Value(1), "name"),
        lambda: Ranked.objects.order_by(F("seen_at") - F("moment")),
        lambda: Ranked.objects.extra(select={"odd": "number + 1"}).order_by("-odd"),
        lambda: Ranked.objects.alias(x=F("number") * F("maybe")).order_by("-x", "owner__name"),
        lambda: Ranked.objects.values("number").order_by("-maybe"),
        lambda: Ranked.objects.values_list("number", flat=True).order_by("owner"),
    ],
)
def test_orders_by_expressions(queryset: Callable[[], QuerySet[Any, Any]]) -> None:
    assert_walked(queryset())


@pytest.mark.django_db
def test_values_of_custom_fields_are_compared_as_they_are_stored() -> None:
    for x, y in [(1, 2), (10, 1), (2, 5), (1, 2)]:
        values: dict[str, Any] = {"place": (x, y), "maybe": None if x == 2 else (y, x)}
        Described.objects.create(name="a", **values)
    assert_walked(Described.objects.order_by("place"))
    assert_walked(Described.objects.order_by("-maybe", "place"))


@pytest.mark.django_db
def test_meta_ordering_by_an_expression() -> None:
    for name in "bABa":
        OrderedByExpression.objects.create(name=name)
    assert_walked(OrderedByExpression.objects.all())
    assert_walked(OrderedByExpression.objects.reverse())


@pytest.mark.django_db
def test_a_position_is_exact_to_the_microsecond() -> None:
    for microsecond in (0, 1, 999_999, 500_000):
        moment = datetime(2024, 10, 27, 1, 30, 0, microsecond, tzinfo=UTC)
        Nullable.objects.create(moment=moment)
    assert_walked(Nullable.objects.order_by("moment"), sizes=(1,))


def part_of(queryset: QuerySet[Any, Any], first: int, last: int) -> QuerySet[Any, Any]:
    keyset = keyset_of(queryset)
    start, end = (decode(keyset.signature, token_of(keyset, n)) for n in (first, last))
    return keyset.filter(start, end, connection)


@pytest.mark.usefixtures("ranked")
@pytest.mark.parametrize(
    "order",
    [["number"], ["-maybe", "number"], ["owner__name", "-number"], [Lower("text").desc()]],
)
def test_the_queryset_of_a_range_updates_and_deletes_just_that(order: list[Any]) -> None:
    queryset = Ranked.objects.order_by(*order)
    rows = pks(part_of(queryset, 0, Ranked.objects.count() - 1))
    part = part_of(queryset, 2, 7)
    expected = pks(part)
    assert rows[2:7] == expected
    assert part.exists()
    assert part.count() == 5
    assert pks(part[1:3]) == expected[1:3]
    if connection.vendor != "mysql":  # has no LIMIT in such a subquery
        inner = Ranked.objects.filter(pk__in=part[1:3].values("pk"))
        assert sorted(pks(inner)) == sorted(expected[1:3])
    assert part.update(name="changed") == 5
    assert sorted(pks(Ranked.objects.filter(name="changed"))) == sorted(expected)
    assert part.delete()[0] == 5
    assert not Ranked.objects.filter(pk__in=expected).exists()


@pytest.mark.usefixtures("ranked")
@pytest.mark.database("postgresql", "mysql")
def test_rows_are_locked_in_any_order() -> None:
    queryset = Ranked.objects.select_for_update().order_by("-maybe", "number")
    with transaction.atomic():
        assert_walked(queryset)
    query = KeysetQuery(keyset_of(queryset), connection)
    for bare in (query.keys, query.keys_from_end):
        assert not any("FOR UPDATE" in open_(1).sql for open_ in bare.statements(None, None))


@pytest.mark.usefixtures("ranked")
def test_a_row_that_comes_again_is_an_error() -> None:
    query = query_of(keyset_of(Ranked.objects.all()))
    block = fetch(query.statements(None, None), 3)
    query.check(query.position(block[0]), block[1:])
    with pytest.raises(KeysetError, match="did not advance"):
        query.check(query.position(block[0]), block)
    with pytest.raises(KeysetError, match="two rows share one position"):
        query.check(None, [block[0], block[1], block[1]])


@pytest.mark.usefixtures("ranked")
def test_statements_are_compiled_once_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    keyset = keyset_of(Ranked.objects.order_by("maybe", "number"))
    query = KeysetQuery(keyset, connection)
    compiled: list[QuerySet[Any, Any]] = []
    original = query._compile

    def compile_and_count(queryset: QuerySet[Any, Any], *more: Any) -> Any:
        compiled.append(queryset)
        return original(queryset, *more)

    monkeypatch.setattr(query, "_compile", compile_and_count)
    for number in range(5):
        next(query.statements((1, number, number), None))(10 + number)
    once = len(compiled)
    for number in range(5):
        next(query.statements((2, number, number), None))(20 + number)
    assert len(compiled) == once


@pytest.mark.parametrize(
    "rows",
    [
        Ranked.objects.all(),
        Ranked.objects.only("maybe"),
        Ranked.objects.values("pk", "maybe", "number"),
        Ranked.objects.values_list("maybe"),
    ],
)
def test_a_column_of_the_order_is_selected_once(rows: Any) -> None:
    query = KeysetQuery(keyset_of(rows.order_by("number", "pk")), connection)
    select = [expression for expression, _, _ in query.compiler.select]
    behind = itertools.count(len(select))
    # SQLite may show a column otherwise than it compares it, so there it is selected apart.
    expected = [
        select.index(column.expression)
        if column.expression in select and connection.vendor != "sqlite"
        else next(behind)
        for column in query.keyset.columns
    ]
    assert list(query.places) == expected


@pytest.mark.django_db
def test_an_empty_queryset_has_no_statements() -> None:
    query = KeysetQuery(keyset_of(User.objects.none()), connection)
    assert list(query.statements(None, None)) == []
    assert list(query.keys_from_end.statements(None, None)) == []


def test_a_keyset_is_left_alone_by_what_is_made_of_it() -> None:
    queryset = Ranked.objects.order_by("owner__name")
    before = str(queryset.query)
    keyset: Keyset = keyset_of(queryset)
    keyset.filter(("a", 1), ("b", 2), connection)
    keyset.reverse()
    assert str(queryset.query) == before
