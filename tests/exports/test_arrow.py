"""Arrow: the schema of the fields, and Django's own values."""

from __future__ import annotations

import csv
import gc
import io
from collections.abc import Callable
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pytest
from django.db import connection, transaction
from django.db.models import Avg, Count, DecimalField, F, QuerySet, Sum
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, TruncDay
from django.test.utils import CaptureQueriesContext
from pyarrow import parquet

from chunkqs import LazyRows, keyset_iter, stream
from tests.support.leftovers import Leftovers
from tests.support.models import Described, Event, Every, Nullable, Upper, User
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 60
SIZE = 10

WAYS: dict[str, Callable[[QuerySet[Any]], LazyRows[Any]]] = {
    "small result": lambda queryset: stream(queryset),
    "private connection": lambda queryset: stream(queryset, chunk_size=SIZE),
    "caller's connection": lambda queryset: stream(queryset, chunk_size=SIZE, private=False),
    "keyset": lambda queryset: keyset_iter(queryset, chunk_size=SIZE),
}

SCHEMA = {
    "id": pa.int64(),
    "big": pa.int64(),
    "integer": pa.int32(),
    "small": pa.int16(),
    "positive": pa.int64(),
    "decimal": pa.decimal128(20, 6),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "maybe": pa.bool_(),
    "char": pa.string(),
    "choice": pa.string(),
    "text": pa.large_string(),
    "slug": pa.string(),
    "url": pa.string(),
    "moment": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "clock": pa.time64("us"),
    "span": pa.duration("us"),
    "uuid": pa.string(),
    "address": pa.string(),
    "binary": pa.large_binary(),
    "document": pa.large_string(),
    "file_path": pa.string(),
}


def every_row(queryset: QuerySet[Any]) -> list[dict[str, Any]]:
    rows = []
    for row in queryset.values():
        row["uuid"] = str(row["uuid"])
        row["binary"] = bytes(row["binary"])
        rows.append(row)
    return rows


def without_documents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "document"} for row in rows]


@pytest.mark.parametrize("way", [*WAYS, "atomic"])
def test_arrow_has_djangos_values_on_every_route(way: str) -> None:
    make(Every, ROWS)
    queryset = Every.objects.order_by("pk")
    if way == "atomic":
        with transaction.atomic():
            table = stream(queryset).arrow().read_all()
    else:
        table = WAYS[way](queryset).arrow().read_all()
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == SCHEMA
    assert without_documents(table.to_pylist()) == without_documents(every_row(queryset))
    texts = [row["document"] for row in stream(queryset).arrow().read_all().to_pylist()]
    assert table["document"].to_pylist() == texts


@pytest.mark.parametrize("way", WAYS)
def test_nulls_and_empty_text_differ(way: str) -> None:
    make(Nullable, ROWS)
    Nullable.objects.filter(number=1).update(text="")
    queryset = Nullable.objects.order_by("pk")
    table = WAYS[way](queryset).arrow().read_all()
    assert table.to_pylist() == list(queryset.values())


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_result_has_the_schema(way: str) -> None:
    table = WAYS[way](Every.objects.all()).arrow().read_all()
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == SCHEMA
    assert table.num_rows == 0


def test_no_query_runs_before_the_first_row() -> None:
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as queries:
        reader = stream(Every.objects.all()).arrow()
        assert reader.schema.names[0] == "id"
    assert len(queries) == 0


def test_pandas_polars_duckdb_and_parquet_read_the_same() -> None:
    make(Event, ROWS)
    queryset = Event.objects.order_by("pk")
    rows = stream(queryset, chunk_size=SIZE)
    expected = list(queryset.values())
    assert rows.arrow().read_pandas().to_dict("records") == expected
    assert polars.from_arrow(rows.arrow()).to_dicts() == expected  # type: ignore[union-attr]
    reader = rows.arrow()
    relation: Any = duckdb.from_arrow(reader)
    columns = relation.columns
    read = [dict(zip(columns, row, strict=True)) for row in relation.fetchall()]
    for row in read:
        row["created_at"] = row["created_at"].astimezone(UTC)
    assert read == expected
    written = io.BytesIO(b"".join(rows.parquet()))
    assert parquet.read_table(written).to_pylist() == expected


@pytest.mark.parametrize("in_atomic", [True, False])
def test_threads_of_the_readers_stay_on_the_callers_connection(
    in_atomic: bool, nothing_left_open: Leftovers
) -> None:
    make(Event, ROWS)

    def count() -> int:
        events = stream(Event.objects.all(), chunk_size=SIZE).arrow()  # noqa: F841
        relation: Any = duckdb.sql("SELECT count(*) FROM events")
        return int(relation.fetchall()[0][0])

    if in_atomic:
        with transaction.atomic():
            Event.objects.filter(kind="view").delete()
            assert count() == Event.objects.count()
            transaction.set_rollback(True)
    assert count() == ROWS
    gc.collect()
    nothing_left_open.check()


def test_a_reader_that_is_dropped_ends_the_query(nothing_left_open: Leftovers) -> None:
    make(Event, ROWS)
    reader = stream(Event.objects.all(), chunk_size=SIZE).arrow()
    reader.read_next_batch()
    del reader
    nothing_left_open.check()


@pytest.mark.parametrize("way", WAYS)
def test_choices_are_dictionaries_where_that_is_asked_for(way: str) -> None:
    make(Every, ROWS)
    queryset = Every.objects.order_by("pk").values("char", "choice")
    table = WAYS[way](queryset).arrow(dictionaries=True).read_all()
    assert table.schema.types == [pa.string(), pa.dictionary(pa.int32(), pa.string())]
    assert table["choice"].to_pylist() == [row["choice"] for row in queryset]


@pytest.mark.parametrize("way", ["small result", "private connection"])
def test_what_is_computed_fits(way: str) -> None:
    make(Event, ROWS)
    queryset = (
        Event.objects.values("kind")
        .annotate(
            events=Count("pk"),
            total=Sum("amount"),
            mean=Avg("status"),
            price=Cast(Sum("amount"), DecimalField(max_digits=12, decimal_places=2)),
        )
        .order_by("kind")
    )
    table = WAYS[way](queryset).arrow().read_all()
    assert table.schema.field("total").type == pa.decimal128(38, 20)
    assert table.schema.field("price").type == pa.decimal128(12, 2)
    assert table.schema.field("events").type == pa.int64()
    assert table.to_pylist() == list(queryset)


def test_expressions_that_django_converts() -> None:
    make(Event, ROWS)
    events = Event.objects.annotate(day=TruncDay("created_at"), double=F("amount") * 2)
    queryset = events.order_by("pk").values("day", "double")
    for way in ("small result", "private connection"):
        assert WAYS[way](queryset).arrow().read_all().to_pylist() == list(queryset)


def test_values_of_a_field_of_ones_own_are_text() -> None:
    make(Upper, 3)
    make(Described, 2)
    table = stream(Upper.objects.order_by("pk").values("shout")).arrow().read_all()
    assert table.to_pylist() == list(Upper.objects.order_by("pk").values("shout"))
    table = stream(Described.objects.order_by("pk").values("place")).arrow().read_all()
    assert table["place"].to_pylist()[:2] == ["[0, 0]", "[1, -1]"]


@pytest.mark.database("postgresql")
@pytest.mark.parametrize(
    "sql",
    ["true", "'2024-02-29 23:59:58.5+01'::timestamptz", "'2024-02-29 00:00'::timestamp",
     "'2024-02-29'::date", "interval '-1 day 5s'", "'ab'::bytea", "1.50", "1e15::float8",
     "'{\"b\": 1}'::jsonb", "NULL"],
)  # fmt: skip
def test_a_column_of_no_field_is_the_text_that_csv_has(sql: str) -> None:
    make(Event, ROWS)
    queryset = Event.objects.annotate(column=RawSQL(sql, [])).order_by("pk").values("column")
    for rows in WAYS.values():
        table = rows(queryset).arrow().read_all()
        assert table.schema.types == [pa.large_string()]
        text = b"".join(rows(queryset).csv(header=False)).decode()
        cells = [row[0] if row else None for row in csv.reader(io.StringIO(text))]
        assert table["column"].to_pylist() == cells


@pytest.mark.database("sqlite")
def test_a_value_that_does_not_fit_its_field_is_an_error() -> None:
    make(Every, 3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tests_every SET small = 100000")
    with pytest.raises(pa.ArrowInvalid, match="'small'"):
        stream(Every.objects.all()).arrow().read_all()


@pytest.mark.database("mysql")
def test_an_unsigned_number_of_64_bits_is_an_error() -> None:
    make(Every, 3)
    Every.objects.update(positive=2**64 - 1)
    with pytest.raises(pa.ArrowInvalid, match="'positive'"):
        stream(Every.objects.all()).arrow().read_all()


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("way", WAYS)
def test_arrays_are_lists(way: str) -> None:
    from tests.support.postgresql.models import Ranged

    make(Ranged, ROWS)
    queryset = Ranged.objects.order_by("pk").values("numbers", "grid", "moments", "integers")
    table = WAYS[way](queryset).arrow().read_all()
    assert table.schema.types == [
        pa.list_(pa.int32()),
        pa.list_(pa.list_(pa.string())),
        pa.list_(pa.timestamp("us", tz="UTC")),
        pa.large_string(),
    ]
    assert table.select(["numbers", "grid", "moments"]).to_pylist() == [
        {name: row[name] for name in ("numbers", "grid", "moments")} for row in queryset
    ]
    two = queryset.values("numbers", "grid")
    assert WAYS[way](two).arrow().read_all().to_pylist() == list(two)


@pytest.mark.database("postgresql")
def test_the_server_writes_by_copy() -> None:
    make(Every, ROWS)
    with CaptureQueriesContext(connection) as queries:
        table = WAYS["private connection"](Every.objects.order_by("pk")).arrow().read_all()
    assert sum(query["sql"].startswith("COPY (") for query in queries) == 1
    assert table.num_rows == ROWS


def test_awkward_durations_and_decimals() -> None:
    make(Every, 20)
    for number, row in enumerate(Every.objects.order_by("pk")):
        row.span = timedelta(days=number - 10, microseconds=number)
        row.decimal = Decimal(number - 10) / 7
        row.save()
    names = ["span", "decimal"]
    queryset = Every.objects.order_by("pk").values(*names)
    for rows in WAYS.values():
        assert rows(queryset).arrow().read_all().to_pylist() == list(queryset)


def test_wrong_arguments_raise_at_the_call() -> None:
    rows: Any = stream(User.objects.all())
    with pytest.raises(TypeError, match="dictionaries"):
        rows.arrow(dictionaries="yes")
    with pytest.raises(ValueError, match="compression='best'"):
        rows.parquet(compression="best")


def test_many_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    make(Event, ROWS)
    monkeypatch.setattr("chunkqs.exports.parquet.GROUP_ROWS", 7)
    monkeypatch.setattr("chunkqs.exports.parquet.GROUP_BYTES", 500)
    queryset = Event.objects.order_by("pk")
    for rows in WAYS.values():
        parts = list(rows(queryset).parquet(compression="none"))
        file = parquet.ParquetFile(io.BytesIO(b"".join(parts)))
        assert file.read().to_pylist() == list(queryset.values())
    assert file.num_row_groups > 3
