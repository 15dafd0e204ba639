"""Annotations are walked as exactly as columns, whatever type the server gives them."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.models import (
    Avg,
    Case,
    DateTimeField,
    DecimalField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    Q,
    QuerySet,
    StdDev,
    Subquery,
    Sum,
    TextField,
    Value,
    Variance,
    When,
)
from django.db.models.expressions import OuterRef, RawSQL
from django.db.models.functions import (
    Cast,
    Concat,
    ExtractSecond,
    Ln,
    Pi,
    Round,
    Sqrt,
    TruncDate,
    TruncDay,
    TruncHour,
)

from chunkqs import KeysetError, keyset_iter
from tests.support.databases import vendor
from tests.support.exactness import postgresql
from tests.support.exactness.oracle import Oracle, assert_exact
from tests.support.models import Owner, Ranked
from tests.support.models.keysets import SingleField
from tests.support.private import second_alias

#: MariaDB and MySQL show fewer digits of some than they have: such a walk may be refused.
REFUSAL = ("",) if vendor() == "mysql" else None
ROWS = 18
OWNERS = 5
#: The hour that Berlin has twice.
MOMENT = datetime(2024, 10, 27, 0, 0, tzinfo=UTC)
SINGLE = SingleField()


@pytest.fixture(scope="module")
def rows(committed_db: None) -> None:
    """Make rows whose sums, quotients and ranks have many digits, and some that are equal."""
    if vendor() == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    source = random.Random(9)
    owners = [Owner.objects.create(name="abc"[n % 3], rank=n) for n in range(OWNERS)]
    Ranked.objects.bulk_create(
        Ranked(
            owner=owners[n % OWNERS],
            name=str(n),
            number=source.randint(-9, 9),
            maybe=source.choice([None, 1, 7]),
            amount=source.choice([None, Decimal("0.1"), Decimal("1.1"), Decimal("7.000001")]),
            ratio=source.choice([None, 0.1, 1 / 3, 2 / 3, 1e-9]),
            text=" ".join(source.choices(["cat", "fat", "rat", "the", "sat"], k=1 + n % 12)),
            moment=MOMENT + timedelta(minutes=20 * source.randrange(12)),
            seen_at=source.choice([None, MOMENT + timedelta(microseconds=n)]),
            day=date(2024, 10, 26) + timedelta(days=source.randrange(3)),
            span=source.choice([None, timedelta(hours=5, microseconds=n), timedelta(days=30)]),
        )
        for n in range(ROWS)
    )


def as_field(expression: Any, field: Any) -> ExpressionWrapper:
    return ExpressionWrapper(expression, output_field=field)


OF_ROWS: dict[str, Any] = {
    "a truncated hour": TruncHour("moment"),
    "a truncated day": TruncDay("moment"),
    "a date of a moment": TruncDate("moment"),
    "a moment and a duration": as_field(F("moment") + F("span"), DateTimeField()),
    "a date and a duration": as_field(F("day") + F("span"), DateTimeField()),
    "a difference of moments": as_field(F("moment") - F("seen_at"), DurationField()),
    "seconds of a moment": ExtractSecond("seen_at"),
    "a float of four bytes": Cast("ratio", SINGLE),
    "three times a float of four bytes": as_field(Cast("ratio", SINGLE) * 3, FloatField()),
    "one float or another": Case(When(number__gt=0, then=Cast("ratio", SINGLE)), default="ratio"),
    "a quotient of decimals": as_field(
        F("amount") / Decimal("7"), DecimalField(max_digits=30, decimal_places=20)
    ),
    "a rounded float": Round("ratio", 5),
    "a root": Sqrt(as_field(F("number") * F("number"), FloatField())),
    "a logarithm": Ln(as_field(F("number") * F("number") + 1, FloatField())),
    "a multiple of pi": as_field(Pi() * F("number"), FloatField()),
    "a float as text": Cast("ratio", TextField()),
    "a text made of others": Concat("name", Value("-"), "text", output_field=TextField()),
    "a float of another query": Subquery(
        Ranked.objects.filter(owner=OuterRef("owner"))
        .order_by()
        .values("owner")
        .annotate(most=Max(Cast("ratio", SINGLE)))
        .values("most")
    ),
}
OF_GROUPS: dict[str, Any] = {
    "an average of integers": Avg("ranked__number"),
    "an average of decimals": Avg("ranked__amount"),
    "an average of durations": Avg("ranked__span"),
    "a sum of integers": Sum("ranked__number"),
    "a sum of decimals": Sum("ranked__amount"),
    "the first moment": Min("ranked__moment"),
    "the largest float of four bytes": Max(Cast("ranked__ratio", SINGLE)),
    "a deviation of integers": StdDev("ranked__number"),
    "a deviation of decimals": StdDev("ranked__amount"),
    "a variance": Variance("ranked__number"),
}
#: What depends on the order of the rows that are aggregated.
OF_UNORDERED: dict[str, Any] = {
    "a sum of floats": Sum("ranked__ratio"),
    "an average of floats": Avg("ranked__ratio"),
    "a deviation of floats": StdDev("ranked__ratio"),
    "a rounded sum of floats": Round(Sum("ranked__ratio"), 3),
    "a sum of floats as text": Cast(Sum("ranked__ratio"), TextField()),
    "a difference of sums": Sum("ranked__number") - Sum("ranked__ratio"),
    "a sum of roots": Sum(Sqrt(as_field(F("ranked__number") * F("ranked__number"), FloatField()))),
    "a sum of some floats": Sum("ranked__ratio", filter=Q(ranked__number__gt=0)),
    "a sum in another query": Subquery(
        Ranked.objects.filter(owner=OuterRef("pk"))
        .order_by()
        .values("owner")
        .annotate(total=Sum("ratio"))
        .values("total")
    ),
}


def of_postgresql() -> dict[str, Any]:
    """Return annotations by functions that PostgreSQL alone has, and that want its driver."""
    if vendor() != "postgresql":
        return {}
    from django.contrib.postgres import search

    query = search.SearchQuery("cat") | search.SearchQuery("fat")
    OF_UNORDERED.update(unordered_of_postgresql())
    return {
        "a rank": search.SearchRank(search.SearchVector("text"), query),
        "a rank by cover density": search.SearchRank(
            search.SearchVector("text"), query, cover_density=True, normalization=2
        ),
        "a similarity": search.TrigramSimilarity("text", "the fat cat"),
        "an interval of months": as_field(
            F("number") * RawSQL("interval '1 month'", ()), TextField()
        ),
        "a word similarity": search.TrigramWordSimilarity("fat", "text"),
        "an array": RawSQL("ARRAY[number, 1]", ()),
        "an array of floats": RawSQL("ARRAY[ratio::real]", ()),
        "an infinite date": RawSQL("CASE WHEN number > 0 THEN day ELSE 'infinity'::date END", ()),
    }


def unordered_of_postgresql() -> dict[str, Any]:
    from django.contrib.postgres import aggregates

    string_agg = getattr(models, "StringAgg", None) or aggregates.StringAgg  # since Django 6.0
    return {
        "an array": aggregates.ArrayAgg("ranked__number"),
        "a text made of others": string_agg("ranked__text", Value(",")),
        "a document": aggregates.JSONBAgg("ranked__number"),
        "a correlation": aggregates.Corr("ranked__number", "ranked__number"),
    }


OF_POSTGRESQL = of_postgresql()


def assert_walks(queryset: QuerySet[Any, Any], key: Any, refusal: Any = REFUSAL) -> None:
    annotated = queryset.annotate(key=key)
    assert_exact(Oracle.of_keys(annotated, "key", refusal, sizes=(1, 4, None)))


@pytest.mark.parametrize("name", OF_ROWS)
def test_an_expression_of_a_row(name: str, rows: None) -> None:
    assert_walks(Ranked.objects.all(), OF_ROWS[name])


@pytest.mark.parametrize("name", OF_GROUPS)
def test_an_aggregate_of_related_rows(name: str, rows: None) -> None:
    known = Owner.objects.filter(ranked__amount__isnull=False, ranked__ratio__isnull=False)
    assert_walks(known, OF_GROUPS[name], None if vendor() == "postgresql" else ("",))


@pytest.mark.parametrize("name", OF_UNORDERED)
def test_an_aggregate_that_depends_on_the_order_of_its_rows_is_refused(name: str) -> None:
    annotated = Owner.objects.annotate(key=OF_UNORDERED[name])
    for order in ("key", "-key", F("key").asc(nulls_first=True)):
        with pytest.raises(KeysetError, match=r"stream\(\)"):
            keyset_iter(annotated.order_by(order))


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("name", OF_GROUPS)
def test_an_aggregate_that_is_walked_does_not_depend_on_the_plan(name: str, rows: None) -> None:
    annotated = Owner.objects.annotate(key=OF_GROUPS[name]).order_by("pk")
    keyset_iter(annotated.order_by("key"))
    seen = set()
    for setting in ("hashagg", "sort", "hashjoin", "mergejoin", "nestloop"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL enable_{setting} = off")
            key = annotated.annotate(text=Cast("key", TextField())).values_list("pk", "text")
            seen.add(tuple(key))
            # What is updated lies in another place from then on.
            Ranked.objects.filter(pk__in=Ranked.objects.order_by("?")[:5]).update(name="moved")
            seen.add(tuple(key.all()))
            transaction.set_rollback(True)
    assert len(seen) == 1


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("name", OF_POSTGRESQL)
def test_an_expression_of_a_type_that_django_has_no_field_for(name: str, rows: None) -> None:
    assert_walks(Ranked.objects.all(), OF_POSTGRESQL[name])


@pytest.mark.database("postgresql", "sqlite")
@pytest.mark.parametrize(
    "name",
    ["a truncated hour", "a truncated day", "a moment and a duration", "a date and a duration"],
)
def test_an_expression_of_time_on_a_connection_that_has_a_zone_of_its_own(
    name: str, rows: None
) -> None:
    with second_alias(TIME_ZONE="Europe/Berlin"):
        assert_walks(Ranked.objects.using("second"), OF_ROWS[name])


if postgresql.IS_PSYCOPG_3:

    @pytest.mark.database("postgresql")
    @pytest.mark.parametrize("name", ["a rank", "a similarity", "an array of floats"])
    def test_an_expression_whose_parameters_the_server_binds(name: str, rows: None) -> None:
        with second_alias(OPTIONS={"server_side_binding": True}):
            assert_walks(Ranked.objects.using("second"), OF_POSTGRESQL[name])
