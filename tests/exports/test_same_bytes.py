"""An export has the same bytes on every route: written by the server, or here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, connections, transaction
from django.db.models import (
    Avg,
    Count,
    DateTimeField,
    F,
    FloatField,
    JSONField,
    Max,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Lower, TruncDay
from django.test.utils import CaptureQueriesContext

from chunkqs import keyset_iter, stream
from chunkqs.export import Export
from tests.support.models import Composite, Derived, Event, Every, Nullable, Picture
from tests.support.rows import every_value, make

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 60
#: So few rows a chunk that a result is a large one.
SIZE = 10

Ways = dict[str, Callable[[QuerySet[Any]], Any]]
WAYS: Ways = {
    "small result": lambda queryset: stream(queryset),
    "private connection": lambda queryset: stream(queryset, chunk_size=SIZE),
    "caller's connection": lambda queryset: stream(queryset, chunk_size=SIZE, private=False),
    "keyset": lambda queryset: keyset_iter(queryset, chunk_size=SIZE),
}
FORMATS: dict[str, Callable[[Any], Export]] = {
    "csv": lambda rows: rows.csv(),
    "escaped csv": lambda rows: rows.csv(escape_formulas=True),
    "ndjson": lambda rows: rows.ndjson(),
}


def written(queryset: QuerySet[Any], form: str) -> dict[str, str]:
    """Export by every way, in autocommit and in a transaction."""
    results = {}
    for way, rows in WAYS.items():
        if way == "keyset" and not can_walk(queryset):
            continue
        results[way] = b"".join(FORMATS[form](rows(queryset))).decode()
    with transaction.atomic():
        results["atomic"] = b"".join(FORMATS[form](stream(queryset))).decode()
    return results


def can_walk(queryset: QuerySet[Any]) -> bool:
    return not queryset.query.group_by and not queryset.query.combinator


def assert_same(queryset: QuerySet[Any], form: str) -> None:
    results = written(queryset, form)
    expected = results.pop("small result")
    assert len(expected.splitlines()) >= queryset.count()
    for way, result in results.items():
        assert result.split("\n") == expected.split("\n"), way


AWKWARD: list[dict[str, Any]] = [
    {},
    {"char": "", "text": ""},
    {"char": 'a "quoted", text', "text": "one\nline\r\nand another\rone"},
    {"char": "=1+1", "text": "-2", "slug": "@x", "url": "＝1"},
    {"char": "\t=x", "text": "+1", "file_path": "\\."},
    {"char": "NULL", "text": "\\N", "slug": "\\."},
    {"char": "emoji \U0001f600 \u2028", "text": "\x01\x02\x1f\x7f"},
    {"char": "100%s %", "text": "{braces}"},
    {"number": 0.1 + 0.2, "decimal": Decimal("-0.000001")},
    {"number": 1e15, "decimal": Decimal("9999999.999999")},
    {"number": -1.5e300, "decimal": Decimal(0)},
    {"number": 5e-324, "big": -(2**63), "positive": 0},
    {"number": 123456789012345680.0, "small": -32768},
    {"moment": datetime(1, 1, 2, tzinfo=UTC), "day": date(1, 1, 1), "clock": time(0)},
    {"moment": datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)},
    {"moment": datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "day": date(9999, 12, 31)},
    {"moment": datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)},
    {"span": timedelta(0), "clock": time(23, 59, 59, 999999)},
    {"span": timedelta(days=-1), "clock": time(1, 2, 3, 100)},
    {"span": timedelta(microseconds=-1)},
    {"span": timedelta(days=20_000, hours=23, minutes=59, seconds=59, microseconds=999_000)},
    {"binary": b"", "document": Value(None, JSONField())},
    {"binary": bytes(range(256)), "document": ""},
    {"document": {"b": 1, "a": [1.5, 1e-7, 1e25, True, None], "ü": {"": '\u0001"\\/\n'}}},
    {"document": [], "uuid": uuid.UUID(int=0)},
    {"document": -5, "address": "::ffff:10.0.0.1"},
    {"document": 1.0, "address": "10.0.0.1"},
    {"document": {"long key": {}, "k": "=1"}},
]


def make_awkward() -> None:
    rows = [
        {
            **every_value(number),
            **awkward,
        }
        for number, awkward in enumerate(AWKWARD)
    ]
    for row in rows:
        moment = row["moment"]
        if connection.vendor == "mysql" and moment.year < 1000:  # where moments begin later
            row["moment"] = moment.replace(year=1000 + moment.year)
            row["day"] = row["day"].replace(year=1001)
        if connection.vendor == "mysql" and row["number"] == 5e-324:
            row["number"] = 2.5e-308
    Every.objects.bulk_create(Every(**row) for row in rows)


@pytest.mark.parametrize("form", FORMATS)
def test_awkward_values_have_the_same_bytes_on_every_route(form: str) -> None:
    make_awkward()
    assert_same(Every.objects.order_by("pk"), form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", [Event, Nullable, Picture, Derived, Composite])
def test_models_have_the_same_bytes_on_every_route(form: str, model: Any) -> None:
    make(model, ROWS)
    assert_same(model.objects.order_by("pk"), form)


def tallies() -> QuerySet[Any]:
    grouped = Event.objects.values("kind").annotate(
        events=Count("pk"), total=Sum("amount"), ids=Sum("id"), latest=Max("created_at")
    )
    return grouped.annotate(mean=Avg("status")).order_by("kind")


QUERYSETS: dict[str, Callable[[], QuerySet[Any]]] = {
    "values": lambda: Event.objects.values("id", "user__name", "created_at").order_by("pk"),
    "values_list": lambda: Event.objects.values_list("kind", "pk").order_by("pk"),
    "one column": lambda: Event.objects.values_list("kind", flat=True).order_by("pk"),
    "only": lambda: Event.objects.only("kind", "amount").order_by("pk"),
    "defer": lambda: Event.objects.defer("path").order_by("-pk"),
    "select_related": lambda: Event.objects.select_related("user").order_by("pk"),
    "prefetch_related": lambda: Event.objects.prefetch_related("user").order_by("pk"),
    "annotations": lambda: Event.objects.annotate(
        lower=Lower("kind"), double=F("amount") * 2, name=F("user__name"), text=Value("a,b")
    ).order_by("pk"),
    "casts": lambda: Event.objects.annotate(real=Cast("amount", FloatField())).order_by("pk"),
    "conversions in Python": lambda: Event.objects.annotate(day=TruncDay("created_at")).order_by(
        "pk"
    ),
    "groups": tallies,
    "distinct": lambda: Event.objects.values("kind").distinct().order_by("kind"),
    "union": lambda: (
        Event.objects.values("id", "kind")
        .filter(status=0)
        .union(Event.objects.values("id", "kind").filter(status=1))
        .order_by("id")
    ),
    "slice": lambda: Event.objects.order_by("pk")[3:45],
    "a name beyond ASCII": lambda: Event.objects.values(größe=F("kind")).order_by("pk"),
    "dates": lambda: Event.objects.dates("created_at", "day"),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", QUERYSETS)
def test_querysets_have_the_same_bytes_on_every_route(form: str, name: str) -> None:
    make(Event, ROWS)
    queryset = QUERYSETS[name]()
    results = {
        "small result": stream(queryset),
        "private connection": stream(queryset, chunk_size=SIZE),
    }
    written = {way: b"".join(FORMATS[form](rows)).decode() for way, rows in results.items()}
    with transaction.atomic():
        written["atomic"] = b"".join(FORMATS[form](stream(queryset))).decode()
    expected = written.pop("small result").split("\n")
    assert len(expected) > 2
    for way, result in written.items():
        assert result.split("\n") == expected, way


@pytest.mark.parametrize("form", FORMATS)
def test_one_column_has_the_same_bytes_on_every_route(form: str) -> None:
    make_awkward()
    for name in ("slug", "file_path", "text", "maybe", "document"):
        assert_same(Every.objects.values_list(name, flat=True).order_by("pk"), form)


def test_an_empty_result_is_a_header() -> None:
    for rows in WAYS.values():
        assert b"".join(rows(User_none()).csv()) == b"id,name,email,active\n"
        assert b"".join(rows(User_none()).ndjson()) == b""


def User_none() -> QuerySet[Any]:
    from tests.support.models import User

    return User.objects.filter(pk=-1)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.parametrize("way", ["private connection", "caller's connection", "atomic"])
def test_the_server_writes_by_copy(form: str, way: str) -> None:
    make(Event, ROWS)
    queryset = Event.objects.order_by("pk")
    with CaptureQueriesContext(connection) as queries:
        if way == "atomic":
            with transaction.atomic():
                b"".join(FORMATS[form](stream(queryset)))
        else:
            b"".join(FORMATS[form](WAYS[way](queryset)))
    assert sum(query["sql"].startswith("COPY (") for query in queries) == 1


@pytest.mark.database("postgresql")
@pytest.mark.pgbouncer
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_the_server_writes_by_copy_behind_pgbouncer(form: str, through_pgbouncer: str) -> None:
    make(Event, ROWS)
    queryset = Event.objects.using(through_pgbouncer).order_by("pk")
    expected = b"".join(FORMATS[form](stream(Event.objects.order_by("pk"))))
    with CaptureQueriesContext(connections[through_pgbouncer]) as queries:
        for way in ("private connection", "caller's connection"):
            assert b"".join(FORMATS[form](WAYS[way](queryset))) == expected
        with transaction.atomic(using=through_pgbouncer):
            assert b"".join(FORMATS[form](stream(queryset))) == expected
    assert sum(query["sql"].startswith("COPY (") for query in queries) == 3


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("form", FORMATS)
def test_arrays_and_ranges_have_the_same_bytes_on_every_route(form: str) -> None:
    from tests.support.postgresql.models import Ranged

    make(Ranged, ROWS)
    assert_same(Ranged.objects.order_by("pk"), form)
    assert_same(Ranged.objects.order_by("pk").values("id", "numbers", "grid"), form)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    ("sql", "expected"),
    [("'infinity'::timestamptz", "infinity"), ("'0044-03-15 BC'::date", "BC")],
)
def test_what_python_has_no_moment_for_is_an_error_of_the_copy(sql: str, expected: str) -> None:

    make(Event, ROWS)
    queryset = Event.objects.annotate(moment=RawSQL(sql, [], DateTimeField()))
    with pytest.raises(DataError, match=f"that Python does not have: .*{expected}"):
        b"".join(stream(queryset, chunk_size=SIZE).csv())
    with transaction.atomic():
        with pytest.raises(DataError, match=expected):
            b"".join(stream(queryset).csv())
        assert Event.objects.count() == ROWS


@pytest.mark.database("postgresql")
def test_a_column_of_another_type_than_its_field_is_not_written_by_the_server() -> None:
    make(Event, ROWS)
    text = RawSQL("'1.50'::text", [], output_field=FloatField())
    queryset = Event.objects.annotate(price=text).order_by("pk")
    with CaptureQueriesContext(connection) as queries:
        assert_same(queryset, "csv")
    assert not any(query["sql"].startswith("COPY (") for query in queries)


DOCUMENT = '{"bb": 1,\n\t"a": [1.50, 1E2]}'


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["text", "json", "jsonb"])
def test_documents_are_the_same_whatever_the_column_is(form: str, kind: str) -> None:
    make(Event, ROWS)
    document = RawSQL(f"%s::{kind}", [DOCUMENT], JSONField())
    queryset = Event.objects.annotate(document=document).order_by("pk").values("id", "document")
    assert_same(queryset, form)
    lines = b"".join(stream(queryset).ndjson()).decode().splitlines()
    numbers = "[1.5, 100]" if kind == "json" else "[1.50, 100]"
    assert [line.partition(",")[2] for line in lines] == [
        f'"document":{{"a": {numbers}, "bb": 1}}}}'
    ] * ROWS


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("form", FORMATS)
def test_half_of_a_surrogate_pair_stays_an_escape(form: str) -> None:
    documents = [{"\ud800": 1, "a": "\udc00x"}, "\ud83d", ["\U0001f600"]]
    rows = [{**every_value(number), "document": one} for number, one in enumerate(documents)]
    Every.objects.bulk_create(Every(**row) for row in rows)
    queryset = Every.objects.order_by("pk").values("document")
    assert_same(queryset, form)
    lines = b"".join(stream(queryset).ndjson()).decode().splitlines()
    assert [json.loads(line)["document"] for line in lines] == documents
