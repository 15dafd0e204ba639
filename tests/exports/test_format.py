"""The written-down format, byte for byte, and read back to Django's own values."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64decode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import JSONField, Value
from django.utils.dateparse import parse_duration

from chunkqs import stream
from chunkqs.exports.csv import CsvFormat
from chunkqs.exports.ndjson import NdjsonFormat
from tests.support.models import Described, Event, Every, Nullable, Upper, User
from tests.support.rows import every_value, make

pytestmark = pytest.mark.django_db(transaction=True)

#: So few rows a chunk that a result is a large one.
SIZE = 10
ROWS = 60


def text_of(model: Any, form: str = "csv", **options: Any) -> str:
    rows = stream(model.objects.order_by("pk"), chunk_size=SIZE)
    return b"".join(getattr(rows, form)(**options)).decode()


def make_every(**values: Any) -> Every:
    return Every.objects.create(**{**every_value(1), **values})


CELLS: dict[str, list[tuple[Any, str, str]]] = {
    "integer": [(0, "0", "0"), (-12, "-12", "-12")],
    "decimal": [(Decimal("1.5"), "1.500000", '"1.500000"'), (Decimal(0), "0.000000", '"0.000000"')],
    "number": [
        (0.1, "0.1", "0.1"),
        (1.0, "1", "1"),
        (1e15, "1e+15", "1e+15"),
        (1.5e-7, "1.5e-07", "1.5e-07"),
        (123456.75, "123456.75", "123456.75"),
    ],
    "flag": [(True, "true", "true"), (False, "false", "false")],
    "maybe": [(None, "", "null")],
    "char": [
        ("", '""', '""'),
        ("plain", "plain", '"plain"'),
        (" blank ", " blank ", '" blank "'),
        ("a,b", '"a,b"', '"a,b"'),
        ('say "x"', '"say ""x"""', r'"say \"x\""'),
        ("a\nb\rc", '"a\nb\rc"', r'"a\nb\rc"'),
        ("ünï☃", "ünï☃", '"ünï☃"'),
    ],
    "choice": [("r", "r", '"r"')],
    "moment": [
        (
            datetime(2024, 2, 29, 23, 59, 58, 120000, tzinfo=UTC),
            "2024-02-29T23:59:58.12+00:00",
            '"2024-02-29T23:59:58.12+00:00"',
        ),
        (
            datetime(2024, 2, 29, 12, tzinfo=UTC),
            "2024-02-29T12:00:00+00:00",
            '"2024-02-29T12:00:00+00:00"',
        ),
    ],
    "day": [(date(2024, 2, 29), "2024-02-29", '"2024-02-29"')],
    "clock": [
        (time(9, 5), "09:05:00", '"09:05:00"'),
        (time(9, 5, 0, 500), "09:05:00.0005", '"09:05:00.0005"'),
    ],
    "span": [
        (timedelta(days=1, hours=2, seconds=3.5), "P1DT02H00M03.5S", '"P1DT02H00M03.5S"'),
        (-timedelta(minutes=1), "-P0DT00H01M00S", '"-P0DT00H01M00S"'),
    ],
    "uuid": [
        (
            UUID(int=1),
            "00000000-0000-0000-0000-000000000001",
            '"00000000-0000-0000-0000-000000000001"',
        )
    ],
    "address": [("2001:db8::1", "2001:db8::1", '"2001:db8::1"')],
    "binary": [(b"\x00\xff", "AP8=", '"AP8="'), (b"", '""', '""')],
    "document": [
        (
            {"bb": 1, "a": [1.5, "x", None]},
            '"{""a"": [1.5, ""x"", null], ""bb"": 1}"',
            '{"a": [1.5, "x", null], "bb": 1}',
        ),
        ("text", '"""text"""', '"text"'),
        (Value(None, JSONField()), "null", "null"),
    ],
}


@pytest.mark.parametrize("name", CELLS)
def test_values_are_written_as_the_documentation_says(name: str) -> None:
    for number in range(SIZE):
        make_every(char=str(number))
    pks = [make_every(**{name: value}).pk for value, _, _ in CELLS[name]]
    rows = stream(Every.objects.filter(pk__in=pks).values(name).order_by("pk"), chunk_size=1)
    lines = "".join(f"{cell}\n" for _, cell, _ in CELLS[name])
    assert b"".join(rows.csv()).decode() == f"{name}\n{lines}"
    members = "".join(f'{{"{name}":{member}}}\n' for _, _, member in CELLS[name])
    assert b"".join(rows.ndjson()).decode() == members


READERS: dict[str, Any] = {
    "big": int,
    "integer": int,
    "small": int,
    "positive": int,
    "decimal": Decimal,
    "number": float,
    "flag": {"true": True, "false": False}.get,
    "maybe": {"true": True, "false": False, "": None}.get,
    "moment": datetime.fromisoformat,
    "day": date.fromisoformat,
    "clock": time.fromisoformat,
    "span": parse_duration,
    "uuid": UUID,
    "binary": b64decode,
    "document": json.loads,
    "id": int,
}


def every_row() -> list[dict[str, Any]]:
    return [
        {**row, "binary": bytes(row["binary"])} for row in Every.objects.order_by("pk").values()
    ]


def test_the_csv_module_reads_djangos_values() -> None:
    make(Every, ROWS)
    read = [
        {name: READERS.get(name, str)(cell) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(text_of(Every), newline=""))
    ]
    assert read == every_row()


def test_json_reads_djangos_values() -> None:
    make(Every, ROWS)
    plain = {"big", "integer", "small", "positive", "number", "flag", "maybe", "document", "id"}
    read = []
    for line in text_of(Every, "ndjson").splitlines():
        read.append(
            {
                name: value if name in plain else READERS.get(name, str)(value)
                for name, value in json.loads(line).items()
            }
        )
    assert read == every_row()


def test_pandas_reads_djangos_values() -> None:
    import pandas as pd

    make(Event, ROWS)
    frame = pd.read_csv(
        io.StringIO(text_of(Event)),
        dtype={"amount": str},
        parse_dates=["created_at"],
        date_format="ISO8601",
        keep_default_na=False,
        na_values=[],
    )
    expected = list(Event.objects.order_by("pk").values())
    read = frame.to_dict("records")
    for row in read:
        row["amount"] = Decimal(row["amount"])
    assert str(frame["created_at"].dtype).startswith("datetime64[")
    assert frame["succeeded"].dtype == bool
    assert read == expected


def test_polars_reads_djangos_values() -> None:
    import polars as pl

    make(Event, ROWS)
    frame = pl.read_csv(io.BytesIO(text_of(Event).encode()), schema_overrides={"amount": pl.String})
    expected = list(Event.objects.order_by("pk").values())
    for row, one in zip(frame.to_dicts(), expected, strict=True):
        moment = datetime.fromisoformat(str(row.pop("created_at")))
        assert moment == one.pop("created_at")
        assert Decimal(row.pop("amount")) == one.pop("amount")
        assert row == one


def test_duckdb_reads_djangos_values(tmp_path: Any) -> None:
    import duckdb

    make(Every, ROWS)
    names = ["id", "decimal", "number", "maybe", "char", "text", "moment", "day", "clock", "uuid"]
    queryset = Every.objects.order_by("pk").values(*names)
    for form in ("csv", "ndjson"):
        path = tmp_path / f"every.{form}"
        with path.open("wb") as file:
            file.writelines(getattr(stream(queryset, chunk_size=SIZE), form)())
    types = {"decimal": "DECIMAL(20,6)", "moment": "TIMESTAMPTZ", "clock": "TIME", "uuid": "UUID"}
    casts = ", ".join(f'"{name}"::{types.get(name, "VARCHAR")} AS "{name}"' for name in types)
    others = ", ".join(f'"{name}"' for name in names if name not in types)
    as_text = (
        "all_varchar=false, types={'decimal': 'VARCHAR', 'char': 'VARCHAR', 'text': 'VARCHAR'}"
    )
    for source in (
        f"read_csv('{tmp_path}/every.csv', header=true, {as_text}, nullstr='', "
        "allow_quoted_nulls=false)",
        f"read_json('{tmp_path}/every.ndjson', format='newline_delimited')",
    ):
        relation: Any = duckdb.sql(f"SELECT {others}, {casts} FROM {source} ORDER BY id")
        columns = relation.columns
        read = [dict(zip(columns, row, strict=True)) for row in relation.fetchall()]
        for row, one in zip(read, queryset, strict=True):
            assert {**row, "moment": row["moment"].astimezone(UTC)} == one


def test_null_and_empty_text_differ() -> None:
    for number in range(SIZE):
        Nullable.objects.create(text="" if number % 2 else None)
    lines = text_of(Nullable).splitlines()[1:]
    assert {line.split(",", 1)[1] for line in lines} == {',,"",', ",,,"}


def test_formulas_are_escaped_where_that_is_asked_for() -> None:
    for name in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "plain", "a=1", ""):
        User.objects.create(name=name, email="x", active=False)
    rows = stream(User.objects.order_by("pk").values("name"), chunk_size=1)
    read = list(csv.reader(io.StringIO(b"".join(rows.csv(escape_formulas=True)).decode())))
    assert [cell for (cell,) in read] == [
        *("name", "'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "'＝1", "plain", "a=1", "")
    ]
    make_every(integer=-5, decimal=Decimal(-1), number=-1.5, span=timedelta(-1), document=-1)
    rows = stream(Every.objects.values("integer", "decimal", "number", "span", "document"))
    line = b"".join(rows.csv(False, escape_formulas=True)).decode()
    assert line == "-5,-1.000000,-1.5,-P1DT00H00M00S,-1\n"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (True, "id,user_id,text,user__name"),
        ("verbose_name", "ID,user,text,name"),
        (["A", "B, b", "C", "="], 'A,"B, b",C,='),
    ],
)
def test_the_header_is_names_or_verbose_names_or_the_callers_own(
    header: Any, expected: str
) -> None:
    queryset = Nullable.objects.values("id", "user_id", "text", "user__name")
    assert b"".join(stream(queryset).csv(header)).decode() == f"{expected}\n"


def test_no_header() -> None:
    assert b"".join(stream(User.objects.all()).csv(header=False)) == b""


@pytest.mark.parametrize("header", ["names", 5, ["too", "few"], None])
def test_a_wrong_header_raises_at_the_call(header: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"csv\(header="):
        stream(User.objects.all()).csv(header)


def test_wrong_arguments_raise_at_the_call() -> None:
    from tests.support.models import Composite

    rows: Any = stream(User.objects.all())
    with pytest.raises(TypeError, match="escape_formulas"):
        rows.csv(escape_formulas="yes")
    with pytest.raises(TypeError, match="composite primary key"):
        stream(Composite.objects.values("pk")).csv()


def test_fields_that_convert_in_python_are_written_as_they_convert() -> None:
    make(Upper, ROWS)
    expected = [row.shout for row in Upper.objects.order_by("pk")]
    rows = stream(Upper.objects.order_by("pk").values("shout"), chunk_size=SIZE)
    assert b"".join(rows.csv(False)).decode().splitlines() == expected


def test_a_value_that_is_a_tuple_is_json() -> None:
    make(Described, 2)
    rows = stream(Described.objects.order_by("pk").values("place", "maybe"))
    assert b"".join(rows.csv(False)) == b'"[0, 0]",\n"[1, -1]","[1, -1]"\n'


def test_a_value_without_a_text_of_its_own_raises() -> None:
    for form in (CsvFormat(None), NdjsonFormat(["a"])):
        with pytest.raises(TypeError, match="object has no text to export"):
            form.write([(object(),)])


@pytest.mark.database("postgresql")
def test_arrays_are_json() -> None:
    from tests.support.postgresql.models import Ranged

    make(Ranged, 3)
    rows = stream(Ranged.objects.order_by("pk").values("numbers", "grid", "integers"))
    lines = b"".join(rows.csv(False)).decode().splitlines()
    assert lines[1] == '[0],"[[""a"", ""b1""], [""c"", ""d""]]","[1,6)"'
    assert connection.vendor == "postgresql"
