"""Every type that PostgreSQL has an order of, and values that a driver may not bring back."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings

from tests.support.exactness.kinds import Kind, run

#: Django takes it where both drivers are installed.
IS_PSYCOPG_3 = find_spec("psycopg") is not None

SETUP = """
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS seg;
CREATE TYPE exact_mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE exact_pair AS (number integer, note text, ratio real);
CREATE DOMAIN exact_ratio AS real;
CREATE DOMAIN exact_word AS varchar(9);
CREATE DOMAIN exact_time AS timestamp;
CREATE DOMAIN exact_feeling AS exact_mood;
CREATE DOMAIN exact_folded AS citext;
CREATE DOMAIN exact_ratios AS real[];
CREATE TYPE exact_span AS RANGE (subtype = float8);
CREATE TYPE exact_words AS RANGE (subtype = text, collation = "C");
CREATE TYPE exact_nested AS (pair exact_pair, note text)
"""
TEARDOWN = """
DROP DOMAIN IF EXISTS exact_ratio, exact_word, exact_time, exact_feeling, exact_folded;
DROP DOMAIN IF EXISTS exact_ratios;
DROP TYPE IF EXISTS exact_span, exact_words, exact_nested, exact_mood, exact_pair;
DROP COLLATION IF EXISTS exact_equal;
"""
ICU = "CREATE COLLATION exact_equal (provider=icu, locale='und-u-ks-level2', deterministic=false)"
#: The embedded server is built without the library.
HAS_ICU = not settings.USES_EMBEDDED


def set_up() -> None:
    tear_down()
    for statement in SETUP.split(";"):
        run(statement)
    if HAS_ICU:
        run(ICU)


def tear_down() -> None:
    for statement in TEARDOWN.strip().rstrip(";").split(";"):
        run(statement)


FLOATS = ["NaN", "Infinity", "-Infinity", "-0", "0", "0.1", "0.3"]
TEXTS = ["", "a", "A", "a ", "ä", "e\u0301", "é", "%s", "a'b", "\\x61", "NULL", "\U0001f600"]
DATES = ["-infinity", "infinity", "2024-02-29", "2024-03-01", "0044-03-15 BC", "5874897-12-31"]
MOMENTS = [
    *["-infinity", "infinity", "2024-03-31 02:30:00.123456", "2024-03-31 02:30:00.123457"],
    *["2024-10-27 02:30:00", "0044-03-15 01:02:03 BC", "1800-01-01 00:00:01", "12024-01-01"],
]
#: Two of them are shown alike in Vienna and in Berlin, and Kolkata had other minutes in 1800.
ZONED = [
    *["-infinity", "infinity", "2024-10-27 00:30:00+00", "2024-10-27 01:30:00+00"],
    *["2024-03-31 00:59:59.999999+00", "0044-03-15 01:02:03+00 BC", "1800-01-01 00:00:01+00"],
    *["12024-01-01+00", "2024-05-06 12:00+00"],
]
SPANS = [
    *["0", "1 year", "360 days", "365 days", "1 mon", "30 days", "1 mon -30 days", "-1 mon"],
    *["-1 mon 2 days -03:04:05.000006", "-1 days +02:03:04", "178000000 years", "-1 day -2:03"],
]
NETWORKS = ["10.0.0.1", "10.0.0.0/24", "10.0.0.1/24", "9.0.0.1", "::1"]

KINDS = [
    Kind("smallint", ["-32768", "0", "32767"]),
    Kind("integer", ["-2147483648", "0", "2147483647"]),
    Kind("bigint", ["9007199254740992", "9007199254740993", "-9223372036854775808"]),
    Kind("numeric", ["NaN", "Infinity", "-Infinity", "0", "1.10", "1.1", "1e-30", "1e30"]),
    Kind("numeric(9,2)", ["NaN", "0.10", "-0.01", "9999999.99"]),
    Kind("real", [*FLOATS, "16777217", "1e-45", "3.4028235e38", "0.10000001"]),
    Kind("double precision", [*FLOATS, "0.30000000000000004", "5e-324", "1.7976931348623157e308"]),
    Kind("text", TEXTS),
    Kind("varchar(20)", TEXTS),
    Kind("char(5)", ["", "a", "A", "ab", "a b"]),
    Kind("name", ["a", "A", "b"]),
    Kind('"char"', ["a", "b", ""]),
    Kind("citext", ["a", "A", "b", "B", "ä"]),
    Kind("bytea", ["\\x", "\\x00", "\\x00ff", "\\x5c", "\\x61"]),
    Kind("uuid", [f"{n}0000000-0000-0000-0000-00000000000{n}" for n in (0, 1, 8, 9)]),
    Kind("boolean", ["t", "f"]),
    Kind("date", DATES),
    Kind("timestamp", MOMENTS),
    Kind("timestamp(3)", MOMENTS),
    Kind("timestamptz", ZONED),
    Kind("time", ["00:00", "23:59:59.999999", "24:00:00", "12:00:00.000001"]),
    Kind("timetz", ["00:00+00", "24:00-15:59:59", "12:00+01", "12:00+01:02:03", "11:00+00"]),
    Kind("interval", SPANS),
    Kind("exact_mood", ["sad", "ok", "happy"]),
    Kind("exact_pair", ['(1,"a b",0.1)', "(,,)", "(1,,16777217)"], "exact_pair"),
    Kind("exact_ratio", ["0.1", "0.3", "16777217", "NaN"]),
    Kind("exact_word", TEXTS),
    Kind("exact_time", MOMENTS),
    Kind("exact_feeling", ["sad", "ok", "happy"], "exact_"),
    Kind("inet", NETWORKS),
    Kind("cidr", ["10.0.0.0/8", "10.0.0.0/9", "::/0"]),
    Kind("macaddr", ["08:00:2b:01:02:03", "ff:00:00:00:00:00"]),
    Kind("money", ["-12.34", "0", "1234567.89"], "money"),
    Kind("money[]", ["{1}", "{-2,3}"], "money"),
    Kind("bit(3)", ["101", "000", "111"]),
    Kind("varbit", ["", "1", "0", "01", "011"]),
    Kind("integer[]", ["{}", "{1,2}", "{1,NULL}", "{{1},{2}}", "[5:6]={1,2}", "{70000}"]),
    Kind("text[]", ["{}", '{""}', "{NULL}", '{"NULL"}', '{"a,b","c\\"d"}', "{a}"]),
    Kind("real[]", ["{0.1}", "{0.3,16777217}", "{NaN}", "{0.3}"]),
    Kind("numeric[]", ["{NaN}", "{Infinity}", "{1.10}", "{2}"]),
    Kind("date[]", ["{infinity}", "{2024-01-01}", "{}"]),
    Kind("timestamptz[]", ["{2024-10-27 00:30+00}", "{2024-10-27 01:30+00}", "{infinity}"]),
    Kind("exact_mood[]", ["{sad}", "{happy,ok}", "{ok}"]),
    Kind("citext[]", ["{a}", "{A}", "{b}"]),
    Kind("interval[]", ['{"1 mon"}', '{"30 days"}', '{"1 year"}']),
    Kind("int4range", ["empty", "[1,5)", "(,)", "[1,)"], "range"),
    Kind("numrange", ["[1.10,2)", "[1.1,2)", "[1,Infinity)"], "range"),
    Kind("tstzrange", ["[2024-10-27 00:30+00,)", "[2024-10-27 01:30+00,infinity)"], "range"),
    Kind("int4multirange", ["{}", "{[1,2),[5,7)}", "{[1,3)}"]),
    Kind("jsonb", ["1", "1.0", "2", "null", '"a"', '{"b": 1}', "[]", "true"], "json"),
    Kind("tsvector", ["a:1 b:2A", "b", "", "'a b':3"]),
    Kind("pg_lsn", ["0/0", "FFFFFFFF/FFFFFFFF", "1/A"]),
    Kind("oid", ["0", "1", "4294967295"]),
    Kind("xid8", ["0", "18446744073709551615", "7"]),
    Kind("regclass", ["pg_type", "pg_class"], "regclass"),
    Kind("tid", ["(0,1)", "(10,2)", "(9,5)"]),
    Kind("macaddr8", ["08:00:2b:01:02:03:04:05", "ff:00:00:00:00:00:00:01"]),
    Kind("tsquery", ["a & b", "a", "!c", "'x y'"]),
    Kind("oidvector", ["1 2", "", "3"]),
    Kind("bit(70)", ["0" * 70, "1" * 70, "01" * 35]),
    Kind('char(3) COLLATE "C"', ["a", "a ", "ab", "A\t", "\t"]),
    Kind('text COLLATE "POSIX"', ["a", "a ", "a\t", "B", "_"]),
    Kind("exact_folded", ["a", "A", "b"]),
    Kind("exact_ratios", ["{0.1}", "{0.10000000149011612}", "{NaN}"], "exact_ratios"),
    Kind("double precision[]", ["{0.30000000000000004}", "{0.3}", "{-0}", "{0}", "{NaN}"]),
    Kind("boolean[]", ["{t,f}", "{NULL}", "{}"]),
    Kind("bytea[]", ['{"\\\\x00"}', '{"\\\\x"}']),
    Kind("timetz[]", ["{24:00+01}", "{23:00+00}", "{00:00-01}"]),
    Kind("jsonb[]", ['{"1"}', '{"1.0"}', '{"2"}']),
    Kind("daterange", ["[2024-01-01,infinity)", "[2024-01-01,)", "empty"], "range"),
    Kind("exact_span", ["[0.1,0.3)", "[0.1,0.30000000000000004)", "empty"], "exact_span"),
    Kind("exact_words", ["[a,b)", "[A,b)", "[a,c)", "empty"], "exact_words"),
    Kind("exact_nested", ['("(1,a,0.1)",x)', '("(1,a,)",x)'], "exact_nested"),
    Kind("nummultirange", ["{[1.10,2)}", "{[1.1,2)}", "{}"], "range"),
    Kind("numeric(9,3)[]", ["{1.10}", "{1.1,NULL}", "{{1},{2}}"]),
    Kind("interval year", ["1 year", "12 years", "12 mons"]),
    Kind("hstore", ["a=>1", "a=>NULL", ""], "hstore"),
]
ICU_KINDS = [
    Kind('text COLLATE "de-x-icu"', TEXTS),
    Kind("text COLLATE exact_equal", ["a", "A", "ä", "Ä", "b", "B"]),
]
if HAS_ICU:
    KINDS += ICU_KINDS

MOMENT_TYPES = ["date", "timestamp", "timestamptz", "timestamptz[]"]
#: Statements that an application may have set its session up with, and the types that are
#: shown in another way by them.
SESSIONS = {
    "SET TIME ZONE 'Europe/Berlin'": MOMENT_TYPES,
    "SET TIME ZONE 'Asia/Kolkata'; SET DateStyle = 'SQL, DMY'": MOMENT_TYPES,
    "SET DateStyle = 'German'": MOMENT_TYPES,
    "SET DateStyle = 'Postgres, MDY'": MOMENT_TYPES,
    "SET IntervalStyle = 'sql_standard'": ["interval"],
    "SET IntervalStyle = 'postgres_verbose'": ["interval"],
    "SET extra_float_digits = 0": ["real", "double precision", "real[]"],
    "SET bytea_output = 'escape'": ["bytea"],
}
SHOWN = [(session, name) for session, types in SESSIONS.items() for name in types]
