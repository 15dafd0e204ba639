"""The SQL that has PostgreSQL write the rows of an export itself, by COPY.

What a column is, the server says: its types decide, not the model. Where the server cannot write
what Django's own value would be written as, there is no COPY.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from ...django_internals.export_columns import Conversion
from ..answers import CopyFormat, Reading

BOOL, BYTEA, INT8, INT2, INT4, TEXT, OID = 16, 17, 20, 21, 23, 25, 26
FLOAT4, FLOAT8, INET, BPCHAR, VARCHAR = 700, 701, 869, 1042, 1043
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL = 1082, 1083, 1114, 1184, 1186
NUMERIC, UUID, JSONB = 1700, 2950, 3802
#: Arrays of boolean, smallint, integer, text, varchar, bigint, double precision, numeric, uuid.
ARRAYS = (1000, 1005, 1007, 1009, 1015, 1016, 1022, 1231, 2951)

INTEGERS = {INT2, INT4, INT8}
NUMBERS = {*INTEGERS, FLOAT4, FLOAT8, NUMERIC}
TEXTS = {TEXT, VARCHAR, BPCHAR}

#: What spreadsheets take for the beginning of a formula, as in `exports.csv`.
FORMULA_STARTS = r"E'=', E'+', E'-', E'@', E'\t', E'\r', E'\n', '＋', '－', '＝', '＠'"

#: Days, where a month has 30 and a year 365 of them, and microseconds: as the drivers count.
MICROSECONDS = (
    "((extract(year FROM {c}) * 365 + extract(month FROM {c}) * 30 + extract(day FROM {c}))"
    " * 86400000000 + extract(hour FROM {c}) * 3600000000 + extract(minute FROM {c}) * 60000000"
    " + extract(microseconds FROM {c}))::numeric"
)
#: ISO 8601 of {u}, microseconds, in days, hours, minutes and seconds.
DURATION = (
    "CASE WHEN {u} < 0 THEN '-' ELSE '' END"
    " || 'P' || div(abs({u}), 86400000000)"
    " || 'DT' || lpad((div(abs({u}), 3600000000) %% 24)::text, 2, '0')"
    " || 'H' || lpad((div(abs({u}), 60000000) %% 60)::text, 2, '0')"
    " || 'M' || lpad((div(abs({u}), 1000000) %% 60)::text, 2, '0')"
    " || CASE WHEN {u} %% 1000000 = 0 THEN '' ELSE"
    " rtrim('.' || lpad((abs({u}) %% 1000000)::bigint::text, 6, '0'), '0') END || 'S'"
)

#: A decimal with so many decimals; as it is, where that would lose a digit.
PLACES = (
    "CASE WHEN scale({c}::numeric) <> {places} AND {c} = round({c}, {places})"
    " THEN round({c}, {places}) ELSE {c} END"
)

#: Bytes of a name that the server keeps.
LONGEST_NAME = 63

#: The zone that the server shows a moment in, and how an export writes it.
UTC = "{c} AT TIME ZONE interval '0'"
LOCAL = "{c}::timestamp"


def copy_statement(sql: str, cells: Sequence[str], copy: CopyFormat) -> str:
    """Return the COPY of a query, whose columns are written by `cells`. Parameters stay."""
    columns = ", ".join(f"c{number}" for number in range(len(cells)))
    if copy.kind == "ndjson":
        named = zip(cells, copy.names, strict=True)
        cells = [f'{cell} AS "{_escaped(name)}"' for cell, name in named]
    query = f"SELECT {', '.join(cells)} FROM ({sql}) AS query({columns})"
    options = "FORMAT csv, ENCODING 'UTF8'"
    if copy.kind == "ndjson":
        query = f"SELECT pg_catalog.row_to_json(line) FROM ({query}) AS line"
        # JSON has no control characters, so that nothing is ever quoted.
        options += r", QUOTE E'\x01', DELIMITER E'\x02'"
    return f"COPY ({query}) TO STDOUT WITH ({options})"


def _escaped(name: str) -> str:
    return name.replace('"', '""').replace("%", "%%")


def cells_of(
    types: Sequence[int], conversions: Sequence[Conversion], copy: CopyFormat
) -> list[str] | None:
    """Return the SQL that writes each column; None where one is not for the server to write."""
    if copy.kind == "ndjson" and any(len(name.encode()) > LONGEST_NAME for name in copy.names):
        return None
    readings = copy.readings or [Reading()] * len(types)
    columns = zip(types, conversions, readings, strict=True)
    cells = [_read_cell(kind, how, copy, reading) for kind, how, reading in columns]
    found = [cell.format(c=f"c{n}") for n, cell in enumerate(cells) if cell is not None]
    return found if len(found) == len(cells) else None


def _read_cell(kind: int, conversion: Conversion, copy: CopyFormat, reading: Reading) -> str | None:
    """Return the SQL for a column, for what reads it."""
    if reading.is_text:
        return _cell(kind, conversion, copy._replace(kind="csv"))
    if reading.places is None:
        return _cell(kind, conversion, copy)
    is_decimal = conversion in (Conversion.NONE, Conversion.DECIMAL)
    if not is_decimal or kind not in {*INTEGERS, NUMERIC}:
        return None
    return PLACES.format(c="{c}", places=reading.places)


def _cell(kind: int, conversion: Conversion, copy: CopyFormat) -> str | None:
    """Return the SQL for a column of a type, with `{c}` for the column."""
    if conversion is Conversion.FLOAT:
        return CELLS[FLOAT4] if kind == FLOAT4 else "{c}::float8" if kind in NUMBERS else None
    if conversion is Conversion.INTEGER:
        return "{c}" if kind in INTEGERS else "trunc({c})" if kind == NUMERIC else None
    if conversion is Conversion.DECIMAL:
        return _string("{c}", copy) if kind in {*INTEGERS, NUMERIC} else None
    if conversion is Conversion.DOCUMENT:
        return "{c}" if kind == JSONB else None
    if conversion is not Conversion.NONE:
        return None
    if kind in TEXTS:
        return _text(kind, copy)
    if kind in ARRAYS:
        return "pg_catalog.to_jsonb({c})"
    if copy.kind == "arrow" and kind in ARROW_CELLS:
        return ARROW_CELLS[kind] or _moment(kind)
    if kind == NUMERIC:
        return _string("{c}", copy)
    if kind in (DATE, TIMESTAMP, TIMESTAMPTZ):
        return _guarded(kind, _moment(kind))
    if kind == BOOL:
        return "{c}" if copy.kind == "ndjson" else "{c}::text"
    return CELLS.get(kind)


CELLS = {
    **dict.fromkeys((INT2, INT4, INT8, OID, FLOAT8, TIME, UUID, INET), "{c}"),
    FLOAT4: "{c}::text::float8",
    BYTEA: r"translate(encode({c}, 'base64'), E'\n', '')",
    INTERVAL: f"({DURATION.replace('{u}', MICROSECONDS)})",
}
#: What pyarrow parses itself: infinite dates are an error there, too.
ARROW_CELLS: dict[int, str | None] = {
    BOOL: "{c}",
    DATE: "{c}",
    TIMESTAMP: None,
    TIMESTAMPTZ: None,
    INTERVAL: f"{MICROSECONDS}::bigint",
    BYTEA: r"'\x' || encode({c}, 'hex')",
}


def _text(kind: int, copy: CopyFormat) -> str | None:
    if not copy.escape_formulas:
        return "{c}"
    if kind == BPCHAR:  # whose blanks at the end a comparison loses
        return None
    starts = f'left({{c}}, 1) COLLATE "C" IN ({FORMULA_STARTS})'
    return f"CASE WHEN {starts} THEN '''' || {{c}} ELSE {{c}} END"


def _string(cell: str, copy: CopyFormat) -> str:
    """Have JSON take a number as a string, with every digit."""
    return f"{cell}::text" if copy.kind == "ndjson" else cell


def _moment(kind: int) -> str:
    """Return the SQL for a date, or for a timestamp as it is without a zone."""
    if kind == TIMESTAMPTZ:
        return UTC if settings.USE_TZ else LOCAL
    return "{c}"


def _guarded(kind: int, moment: str) -> str:
    """Write ISO 8601, where Python has such a moment; else raise an error that shows it."""
    name = {DATE: "date", TIMESTAMP: "timestamp", TIMESTAMPTZ: "timestamptz"}[kind]
    zone = " || '+00:00'" if kind == TIMESTAMPTZ and settings.USE_TZ else ""
    text = "{c}" if kind == DATE else f"replace(({moment})::text, ' ', 'T'){zone}"
    wrong = f"('a {name} that Python does not have: ' || {{c}}::text)::date"
    return (
        f"CASE WHEN {{c}} >= {name} '0001-01-01 00:00+00'"
        f" AND {{c}} < {name} '10000-01-01 00:00+00'"
        f" THEN {text} ELSE {wrong if kind == DATE else f'{wrong}::text'} END"
    )
