"""A walk never goes in circles: it ends, or says that it does not get ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import pytest
from django.db import connection, models
from django.db.models.expressions import RawSQL

from chunkqs import chunks, keyset_iter
from chunkqs.errors import KeysetError
from tests.support.databases import vendor
from tests.support.exactness.kinds import Model, run, unmanaged

ROWS = 12
INTEGER = models.IntegerField

#: A type of three values, each of which comes after another: 0 < 1 < 2 < 0.
ROUND_TYPE = """
CREATE TYPE exact_round AS (n integer);
CREATE FUNCTION exact_compare(a exact_round, b exact_round) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ((b.n - a.n + 4) % 3) - 1';
CREATE FUNCTION exact_lt(a exact_round, b exact_round) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT exact_compare(b, a) < 0';
CREATE FUNCTION exact_le(a exact_round, b exact_round) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT exact_compare(b, a) <= 0';
CREATE FUNCTION exact_eq(a exact_round, b exact_round) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT exact_compare(b, a) = 0';
CREATE FUNCTION exact_ge(a exact_round, b exact_round) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT exact_compare(b, a) >= 0';
CREATE FUNCTION exact_gt(a exact_round, b exact_round) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT exact_compare(b, a) > 0';
CREATE OPERATOR < (LEFTARG = exact_round, RIGHTARG = exact_round, FUNCTION = exact_lt);
CREATE OPERATOR <= (LEFTARG = exact_round, RIGHTARG = exact_round, FUNCTION = exact_le);
CREATE OPERATOR = (LEFTARG = exact_round, RIGHTARG = exact_round, FUNCTION = exact_eq);
CREATE OPERATOR >= (LEFTARG = exact_round, RIGHTARG = exact_round, FUNCTION = exact_ge);
CREATE OPERATOR > (LEFTARG = exact_round, RIGHTARG = exact_round, FUNCTION = exact_gt);
CREATE OPERATOR CLASS exact_ops DEFAULT FOR TYPE exact_round USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 exact_compare(exact_round, exact_round);
"""
#: Values that are larger, or smaller, each time that they are looked at.
GROWING = {
    "postgresql": "n + exact_turn()",
    "mysql": "n + (@turn := @turn + 1)",
    "sqlite": "n + exact_turn()",
}
SHRINKING = {name: sql.replace("n +", "n -") for name, sql in GROWING.items()}


@pytest.fixture(scope="module")
def table(committed_db: None) -> Iterator[Model]:
    clear()
    run("CREATE TABLE exact_circle (id integer PRIMARY KEY, n integer, word varchar(9))")
    for number in range(ROWS):
        run("INSERT INTO exact_circle VALUES (%s, %s, %s)", number, number % 3, "abc"[number % 3])
    if vendor() == "postgresql":
        run("CREATE SEQUENCE exact_turn")
        # Of nextval() itself, the text says so.
        turn = "SELECT nextval('exact_turn')"
        run(f"CREATE FUNCTION exact_turn() RETURNS bigint LANGUAGE sql AS $${turn}$$")
        run(ROUND_TYPE)
    yield unmanaged("exact_circle", id=INTEGER(primary_key=True), n=INTEGER())
    clear()
    connection.close()


def clear() -> None:
    run("DROP TABLE IF EXISTS exact_circle")
    if vendor() == "postgresql":
        run("DROP FUNCTION IF EXISTS exact_turn()")
        run("DROP SEQUENCE IF EXISTS exact_turn")
        run("DROP TYPE IF EXISTS exact_round CASCADE")
        run("DROP OPERATOR FAMILY IF EXISTS exact_ops USING btree CASCADE")


@pytest.fixture
def turning(table: Model) -> Model:
    """Let the database have a value that is another each time."""
    if vendor() == "mysql":
        run("SET @turn = 0")
    if vendor() == "sqlite":
        connection.ensure_connection()
        turns = count()
        connection.connection.create_function("exact_turn", 0, lambda: next(turns))
        connection.connection.create_collation("exact_round", compared_round)
    return table


def compared_round(one: str, other: str) -> int:
    """Compare as 'a' < 'b' < 'c' < 'a'."""
    return (ord(one) - ord(other) + 4) % 3 - 1


def assert_ends(walk: Any) -> None:
    """Fail unless a walk ends, with all rows or an error, and hands out no row twice."""
    got: list[int] = []
    text = ""
    try:
        for item in islice(walk, 5 * ROWS):
            got += item if isinstance(item, list) else [item]
    except KeysetError as error:
        text = str(error)
    assert len(set(got)) == len(got), got
    assert "stream()" in text if text else sorted(got) == list(range(ROWS))


WALKS: dict[str, Callable[[Any], Any]] = {
    "one row a chunk": lambda rows: keyset_iter(rows, chunk_size=1),
    "two rows a chunk": lambda rows: chunks(rows, 2),
    "five rows a chunk, without an end": lambda rows: chunks(rows, 5, bounded=False),
    "all in one": lambda rows: chunks(rows, 100),
    "backwards": lambda rows: reversed(keyset_iter(rows, chunk_size=3)),
    "one row a chunk, without an end": lambda rows: keyset_iter(rows, chunk_size=1, bounded=False),
}


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("values", [GROWING, SHRINKING], ids=["growing", "shrinking"])
def test_a_value_that_is_another_in_each_query(values: Any, walk: str, turning: Model) -> None:
    rows = turning.objects.annotate(key=RawSQL(values[vendor()], ())).order_by("key")
    assert_ends(WALKS[walk](rows.values_list("pk", flat=True)))


@pytest.mark.database("postgresql", "sqlite")
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("direction", ["", "-"])
def test_an_order_of_the_database_that_goes_round(
    direction: str, walk: str, turning: Model
) -> None:
    """The last of its values comes before the first."""
    sql = {"postgresql": "ROW(n)::exact_round", "sqlite": "word COLLATE exact_round"}[vendor()]
    rows = turning.objects.annotate(key=RawSQL(sql, ())).order_by(f"{direction}key")
    assert_ends(WALKS[walk](rows.values_list("pk", flat=True)))


@pytest.mark.database("mysql")
@pytest.mark.parametrize("walk", WALKS)
def test_an_order_by_numbers_that_is_compared_as_text(walk: str, table: Model) -> None:
    run("ALTER TABLE exact_circle ADD COLUMN IF NOT EXISTS step ENUM('c', 'a', 'b', 'd')")
    run("UPDATE exact_circle SET step = 1 + id %% 4 WHERE id >= %s", 0)
    rows = unmanaged("exact_circle", id=INTEGER(primary_key=True), step=models.TextField())
    ordered = rows.objects.order_by("step")
    assert_ends(WALKS[walk](ordered.values_list("pk", flat=True)))
    raw = rows.objects.annotate(key=RawSQL("step", ())).order_by("-key")
    assert_ends(WALKS[walk](raw.values_list("pk", flat=True)))


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("walk", WALKS)
def test_a_view_whose_column_has_numbers_and_texts_of_numbers(walk: str, table: Model) -> None:
    """Such a column is compared as a number with the one, and as a text with the other."""
    run("DROP VIEW IF EXISTS exact_mixed")
    run(
        "CREATE VIEW exact_mixed AS SELECT id, n FROM exact_circle WHERE id < 6"
        " UNION ALL SELECT id, CAST(id AS text) FROM exact_circle WHERE id >= 6"
    )
    rows = unmanaged("exact_mixed", id=INTEGER(primary_key=True), n=INTEGER())
    assert_ends(WALKS[walk](rows.objects.order_by("n").values_list("pk", flat=True)))
    run("DROP VIEW exact_mixed")
