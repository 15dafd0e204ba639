"""Queries that Django walks, and whose shape is unusual in one way: walked exactly as well."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import Col, RawSQL
from django.test.utils import CaptureQueriesContext

from chunkqs import chunks, keyset_iter
from chunkqs.keyset.statement_template import MANY_ROWS
from tests.support.exactness.oracle import Oracle
from tests.support.keysets import fill
from tests.support.models import Article, Author, Category, Checked, Nullable, Ranked, User

pytestmark = pytest.mark.django_db


def assert_exact(queryset: QuerySet[Any, Any], *tie: str) -> None:
    """Every way to walk `queryset` gives its own rows; `tie` is what makes the order total."""
    keys = queryset.values_list("pk", flat=True)
    whole = keys.order_by(*queryset.query.order_by, *tie) if tie else keys
    faults = Oracle(keys, list(whole)).faults()
    assert not faults, "\n".join(faults)


class TestPinned:
    """A filter that leaves no column to compare but nullable ones."""

    @pytest.fixture(autouse=True)
    def rows(self) -> None:
        Nullable.objects.bulk_create(Nullable(number=n) for n in [None, 1, 2, None, 3])

    @pytest.mark.parametrize("order", ["number", "-number", "user__name", "-moment"])
    @pytest.mark.parametrize("place", range(4))
    def test_filter_by_primary_key(self, order: str, place: int) -> None:
        pk = Nullable.objects.order_by("pk")[place].pk
        assert_exact(Nullable.objects.filter(pk=pk).order_by(order))

    def test_filter_by_all_columns_of_the_order(self) -> None:
        pk = Nullable.objects.order_by("pk")[1].pk
        assert_exact(Nullable.objects.filter(pk=pk, number=1).order_by("number"))
        assert_exact(Nullable.objects.filter(pk=pk, number__isnull=True).order_by("number"))

    def test_annotation_of_an_outer_join(self) -> None:
        user = User.objects.create(name="a")
        Nullable.objects.update(user=user)
        pk = Nullable.objects.order_by("pk")[1].pk
        queryset = Nullable.objects.annotate(key=F("user__id")).filter(pk=pk)
        assert_exact(queryset.order_by("key"))
        assert_exact(queryset.order_by("-key", "text"))

    def test_filter_by_the_key_of_an_outer_join(self) -> None:
        user = User.objects.create(name="a")
        Nullable.objects.filter(number=1).update(user=user)
        queryset = User.objects.filter(pk=user.pk).annotate(n=F("nullable__number"))
        assert list(keyset_iter(queryset.order_by("n").values_list("pk", "n"))) == [(user.pk, 1)]


class TestDistinct:
    """DISTINCT ordered by what is not selected."""

    @pytest.fixture(autouse=True)
    def rows(self) -> None:
        users = [User.objects.create(name=name) for name in ("b", "a", "a")]
        Nullable.objects.bulk_create(
            Nullable(number=n, text=t, user=user)
            for n, t in [(None, "x"), (1, None), (2, "y"), (None, None), (2, "x")]
            for user in (None, *users)
        )

    @pytest.mark.parametrize("order", ["number", "-number", "text", "user__name", "-user__name"])
    def test_nullable_column(self, order: str) -> None:
        queryset = Nullable.objects.values_list("pk", flat=True).distinct().order_by(order)
        tie = "-pk" if order.startswith("-") else "pk"
        expected = list(Nullable.objects.values_list("pk", flat=True).order_by(order, tie))
        faults = Oracle(queryset, expected).faults()
        assert not faults, "\n".join(faults)

    @pytest.mark.parametrize("selected", [["pk"], ["pk", "number"], ["number", "pk", "text"]])
    def test_several_nullable_columns(self, selected: list[str]) -> None:
        terms = ["number", "-text"]
        queryset = Nullable.objects.values_list(*selected).distinct().order_by(*terms)
        expected = list(Nullable.objects.values_list(*selected).order_by(*terms, "-pk"))
        faults = Oracle(queryset, expected).faults()
        assert not faults, "\n".join(faults)

    def test_instances(self) -> None:
        queryset = Nullable.objects.only("text").distinct().order_by("number")
        expected = list(Nullable.objects.order_by("number", "pk"))
        for size in (1, 3, 7):
            walked = [row for chunk in chunks(queryset, size) for row in chunk]
            assert walked == expected
            assert all("number" in row.get_deferred_fields() for row in walked)


@pytest.mark.parametrize("order", ["kind", "name", "pk"])
def test_check_constraint_with_a_list(order: str) -> None:
    Checked.objects.bulk_create(Checked(kind=1 + n % 3, name=str(n % 4)) for n in range(12))
    assert_exact(Checked.objects.order_by(order), *([] if order == "pk" else ["pk"]))


@pytest.mark.parametrize("bounded", [True, False])
def test_extra_where_names_a_table_that_select_related_joins(bounded: bool) -> None:
    author = Author.objects.create(name="a")
    other = Author.objects.create(name="b")
    category = Category.objects.create(name="c")
    for number in range(8):
        Article.objects.create(
            name=str(number), author=author if number % 2 else other, category=category
        )
    quote = connection.ops.quote_name
    where = f"{quote('tests_author')}.{quote('name')} = 'a'"
    queryset = Article.objects.select_related("author").extra(where=[where])
    expected = list(queryset.order_by("pk"))
    assert len(expected) == 4
    for size in (1, 2, 3):
        parts = list(chunks(queryset, size, bounded=bounded))
        assert [row for part in parts for row in part] == expected
        assert [row for part in parts for row in part.queryset] == expected
    assert list(reversed(keyset_iter(queryset, chunk_size=2))) == expected[::-1]
    assert len(keyset_iter(queryset)) == 4
    assert list(keyset_iter(queryset.distinct(), chunk_size=1, bounded=bounded)) == expected


def test_a_filter_by_many_values() -> None:
    """Of 250,000 parameters that SQLite takes, a statement for each range repeats them all."""
    most = 100_000 if connection.vendor == "sqlite" else 20_000
    fill(4, 5, seed=1)
    keys = list(Ranked.objects.values_list("pk", flat=True))
    many = [*keys, *range(10**9, 10**9 + most - len(keys) - 20)]
    queryset = Ranked.objects.filter(pk__in=many).order_by("maybe", "-number", "name")
    expected = list(queryset.order_by("maybe", "-number", "name", "pk"))
    assert list(keyset_iter(queryset, chunk_size=3)) == expected


def looked_through(node: Any) -> list[Any]:
    """Look through a `where` tree as caches do, for what a query is about."""
    found = []
    for child in node.children:
        if hasattr(child, "children"):
            found += looked_through(child)
        else:
            lhs, rhs, name = child.lhs, child.rhs, child.lookup_name
            column = lhs.target.column if isinstance(lhs, Col) else None
            found.append((column, name, rhs, child.rhs_is_direct_value()))
    return found


@pytest.mark.parametrize("order", ["number", "maybe", "-maybe", "owner__name"])
def test_the_conditions_of_a_chunk_look_like_lookups(order: str) -> None:
    fill(3, 4, seed=2)
    for chunk in chunks(Ranked.objects.filter(number__gte=0).order_by(order), 2):
        assert looked_through(chunk.queryset.query.where)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("array", ["ARRAY[maybe, 1]", "ARRAY[name, 'x']", "ARRAY[moment]"])
def test_arrays_without_a_field(array: str) -> None:
    fill(4, 4, seed=3)
    assert_exact(Ranked.objects.order_by(RawSQL(array, [])), "pk")
    assert_exact(Ranked.objects.annotate(a=RawSQL(array, [])).order_by("-a"), "-pk")


@pytest.mark.parametrize("order", ["number", "maybe", "-maybe", "name"])
def test_a_name_or_constant_like_the_number_of_rows(order: str) -> None:
    fill(4, 4, seed=4)
    likely = [str(MANY_ROWS), str(MANY_ROWS - 1)]
    names = {f"n{number}": F("number") for number in likely}
    numbers = {f"m{number}": RawSQL(number, []) for number in likely}
    queryset = Ranked.objects.values("pk", "number").annotate(**names, **numbers).order_by(order)
    expected = list(queryset.order_by(order, "-pk" if order[0] == "-" else "pk").values_list())
    for size in (1, 4):
        assert list(keyset_iter(queryset.values_list(), chunk_size=size)) == expected


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    ("order", "bound"),
    [
        (["author__name"], '"tests_author"."name" >='),
        (["name", "author__name"], '"tests_article"."name" >='),
        (["-name", "-author__name"], '"tests_article"."name" <='),
        (["category__name", "author__name"], '"tests_category"."name" >='),
    ],
)
def test_columns_of_two_tables_are_bounded_by_those_of_the_first(
    order: list[str], bound: str
) -> None:
    """A row comparison of both tables is no condition of either: all rows would be joined."""
    authors = [Author.objects.create(name=name) for name in "abbc"]
    category = Category.objects.create(name="c")
    Article.objects.bulk_create(
        Article(name=str(n % 3), author=authors[n % 4], category=category) for n in range(30)
    )
    queryset = Article.objects.order_by(*order)
    with CaptureQueriesContext(connection) as asked:
        walked = list(keyset_iter(queryset, chunk_size=4))
    tie = "-pk" if order[-1][0] == "-" else "pk"
    assert walked == list(queryset.order_by(*order, tie))
    assert bound in asked.captured_queries[-1]["sql"]
