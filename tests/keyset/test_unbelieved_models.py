"""What a model declares is not believed: no row is lost where its table knows better.

Rows that a walk cannot tell apart, and NULLs where none can be, raise before a row is lost,
and before a chunk's queryset names a row that its chunk has not handed out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, product
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import F, Func, QuerySet, Sum, Value

from chunkqs import chunks, keyset_iter
from chunkqs.errors import KeysetError
from tests.support.databases import vendor
from tests.support.exactness.kinds import Model, run, unmanaged
from tests.support.exactness.oracle import SIZES, unnamed_by
from tests.support.models import Ranked

INTEGER = models.IntegerField

LOOSE = "CREATE TABLE exact_loose (number integer PRIMARY KEY, id integer, a integer, b integer)"
#: Numbered rows of three columns that repeat, alone and together.
LOOSE_ROWS = [
    *[(1, 1, 1), (2, 1, 2), (2, 2, 1), (3, 2, 1), (3, 2, 1), (4, 2, 3), (5, 3, 1), (5, 3, 1)],
    *[(5, 3, 2), (6, 4, None), (7, None, 1), (8, None, None), (9, 5, 5), (9, 5, 5)],
]
TABLES: dict[str, list[str]] = {
    "exact_left": ["CREATE TABLE exact_left (id integer PRIMARY KEY, a integer, b integer)"],
    "exact_right": ["CREATE TABLE exact_right (left_id integer, b integer)"],
}
VIEWS = {
    "exact_joined": (
        "SELECT l.id, l.a, r.b FROM exact_left l LEFT JOIN exact_right r ON r.left_id = l.id"
    ),
    "exact_doubled": "SELECT id, a, b FROM exact_left UNION ALL SELECT id, b, a FROM exact_left",
}
POSTGRESQL_TABLES = [
    "CREATE TABLE exact_parent (id integer PRIMARY KEY, a integer, b integer)",
    "CREATE TABLE exact_child () INHERITS (exact_parent)",
    "INSERT INTO exact_parent SELECT i, i / 2, i FROM generate_series(1, 9) i",
    "INSERT INTO exact_child SELECT i, i / 2, -i FROM generate_series(1, 9, 2) i",
    "CREATE TABLE exact_split (id integer, a integer, b integer) PARTITION BY LIST (b)",
    "CREATE TABLE exact_split_1 PARTITION OF exact_split FOR VALUES IN (1)",
    "CREATE TABLE exact_split_2 PARTITION OF exact_split FOR VALUES IN (2)",
    "INSERT INTO exact_split SELECT i, i / 2, 1 + i % 2 FROM generate_series(1, 9) i",
    "INSERT INTO exact_split SELECT i, i / 2, 2 - i % 2 FROM generate_series(1, 9, 3) i",
]


@pytest.fixture(scope="module")
def relations(committed_db: None) -> Iterator[None]:
    """Make the tables and views, of rows that are told apart by less than is declared."""
    drop()
    run(LOOSE)
    for statements in TABLES.values():
        for statement in statements:
            run(statement)
    for number in range(1, 8):
        run("INSERT INTO exact_left (id, a, b) VALUES (%s, %s, %s)", number, number // 3, number)
        for side in range(number % 3):
            run("INSERT INTO exact_right (left_id, b) VALUES (%s, %s)", number, side)
    for name, query in VIEWS.items():
        run(f"CREATE VIEW {name} AS {query}")
    for statement in POSTGRESQL_TABLES if vendor() == "postgresql" else ():
        run(statement)
    yield
    drop()
    connection.close()


def drop() -> None:
    for name in VIEWS:
        run(f"DROP VIEW IF EXISTS {name}")
    for name in ("exact_loose", *TABLES):
        run(f"DROP TABLE IF EXISTS {name}")
    for name in ("exact_child", "exact_parent", "exact_split") if vendor() == "postgresql" else ():
        run(f"DROP TABLE IF EXISTS {name}")


@pytest.fixture
def loose(relations: None) -> None:
    fill_loose()


def fill_loose() -> None:
    run("DELETE FROM exact_loose")
    for number, row in enumerate(LOOSE_ROWS):
        run("INSERT INTO exact_loose (number, id, a, b) VALUES (%s, %s, %s, %s)", number, *row)


def believing(table: str, **fields: models.Field[Any, Any]) -> Model:
    """Return a model that takes `id` for the primary key of a table, and has two more columns."""
    defaults = {"a": INTEGER(), "b": INTEGER()}
    return unmanaged(table, id=INTEGER(primary_key=True), **{**defaults, **fields})


def unique_together(table: str, *names: str) -> Model:
    model = believing(table, number=INTEGER(unique=True))
    model._meta.unique_together = (names,)
    return model


#: By name: the model, its order, and the columns that the error may name.
CASES: dict[str, tuple[Model, Sequence[str], Sequence[str]]] = {
    "a primary key that repeats in a view": (believing("exact_joined"), ["id"], ["id"]),
    "the primary key of a union of tables": (believing("exact_doubled"), ["id"], ["id"]),
    "a key that repeats after another column": (believing("exact_doubled"), ["a"], ["id"]),
    "NULLs of an outer join in a view": (believing("exact_joined"), ["b", "a"], ["b", "id"]),
    "NULLs of an outer join, walked down": (believing("exact_joined"), ["-b"], ["b", "id"]),
    "a primary key that repeats": (believing("exact_loose"), ["id"], ["id"]),
    "a unique column that repeats": (
        believing("exact_loose", a=INTEGER(unique=True)),
        ["a"],
        ["a"],
    ),
    "unique columns that repeat together": (
        unique_together("exact_loose", "a", "b"),
        ["a", "b"],
        ["a", "b"],
    ),
    "NULLs in a column that has none": (
        unmanaged("exact_loose", number=INTEGER(primary_key=True), a=INTEGER(), b=INTEGER()),
        ["-a", "b"],
        ["a", "b"],
    ),
}
POSTGRESQL_CASES: dict[str, tuple[Model, Sequence[str], Sequence[str]]] = {
    "a table with an heir": (believing("exact_parent"), ["id"], ["id"]),
    "a table with an heir, by another column": (believing("exact_parent"), ["-a"], ["id"]),
    "a partitioned table": (believing("exact_split"), ["id"], ["id"]),
}
if vendor() == "postgresql":
    CASES |= POSTGRESQL_CASES


def walked(walk: Any, most: int) -> tuple[list[Any], KeysetError | None]:
    got: list[Any] = []
    try:
        for item in islice(walk, most):
            got.append(item)
    except KeysetError as error:
        return got, error
    return got, None


def assert_nothing_lost(queryset: QuerySet[Any, Any], names: Sequence[str]) -> None:
    """Walk in every way; each hands out all rows, or raises what can go wrong with a column."""
    everything = Counter(queryset)
    most = 2 * everything.total() + 2
    for way, size, bounded in product((queryset, queryset.reverse()), SIZES, (True, False)):
        got, error = walked(chunks(way, size, bounded=bounded), most)
        rows = Counter(row for chunk in got for row in chunk)
        assert rows == everything if error is None else rows <= everything, (size, bounded)
        for chunk in got:
            # What is done to a chunk's queryset is done to its rows alone.
            assert Counter(chunk.queryset) == Counter(chunk), (size, bounded, chunk.number)
        assert_names(error, names)
    assert_nothing_lost_when_resumed(queryset, everything, names)


def assert_nothing_lost_when_resumed(
    queryset: QuerySet[Any, Any], everything: Counter[Any], names: Sequence[str]
) -> None:
    rows = keyset_iter(queryset, chunk_size=2)
    seen, error = walked(((row, rows.position) for row in rows), 2 * everything.total())
    assert_names(error, names)
    for number, (_, token) in enumerate(seen):
        before = [row for row, _ in seen[: number + 1]]
        got, error = walked(keyset_iter(queryset, chunk_size=2, after=token), everything.total())
        assert_names(error, names)
        if error is None:
            assert Counter(before) + Counter(got) == everything, number


def assert_names(error: KeysetError | None, names: Sequence[str]) -> None:
    if error is not None:
        assert not unnamed_by(error, ["stream()"])
        assert any(re.search(rf"\b{name}\b", str(error)) for name in names), error


@pytest.mark.parametrize("name", CASES)
def test_rows_that_the_key_does_not_tell_apart_are_not_lost(name: str, loose: None) -> None:
    model, order, names = CASES[name]
    columns = [field.attname for field in model._meta.concrete_fields]
    assert_nothing_lost(model.objects.order_by(*order).values_list(*columns), names)


@pytest.mark.parametrize("order", ["id", "-id", "a", "number"])
def test_to_delete_chunk_by_chunk_deletes_what_was_handed_out(order: str, loose: None) -> None:
    for size in SIZES:
        fill_loose()
        model = believing("exact_loose", number=INTEGER(unique=True), a=INTEGER(unique=True))
        rows = model.objects.order_by(order).values_list("number", flat=True)
        handed_out: set[int] = set()
        with suppress(KeysetError):
            for chunk in islice(chunks(rows, size), len(LOOSE_ROWS) + 1):
                handed_out.update(chunk)
                model.objects.filter(number__in=list(chunk.queryset)).delete()
        left = {number for (number,) in run("SELECT number FROM exact_loose")}
        assert left == set(range(len(LOOSE_ROWS))) - handed_out, size
        assert order != "number" or not left


def total(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return rows.annotate(total=Sum("number"))


GROUPED = {
    "by a value": total(Ranked.objects.values(x=Value("a"))),
    "by an annotated value": total(Ranked.objects.annotate(x=Value(1)).values("x")),
    "by a column": total(Ranked.objects.values("maybe")).order_by("maybe"),
    "by an expression": total(Ranked.objects.values(x=F("maybe") + 1)),
    "by a value, in an order of their sum": total(Ranked.objects.values(x=Value("a"))).order_by(
        "total"
    ),
}


@pytest.mark.parametrize("name", GROUPED)
def test_groups_without_their_key_are_refused_at_the_call(name: str) -> None:
    for call in (keyset_iter, chunks):
        with pytest.raises(KeysetError, match=r"stream\(\)"):
            call(GROUPED[name])


class Series(Func):
    """Rows of its own for each row, and nothing that says so."""

    function = "generate_series"
    output_field = INTEGER()


class DeclaredSeries(Series):
    set_returning = True


@pytest.mark.database("postgresql")
def test_a_function_that_says_it_returns_a_set_is_refused_at_the_call(relations: None) -> None:
    rows = believing("exact_left").objects.annotate(n=DeclaredSeries(1, F("b")))
    for queryset in (rows, rows.order_by("n"), rows.values_list("n"), rows.order_by("a", "pk")):
        with pytest.raises(KeysetError, match=r"stream\(\)"):
            keyset_iter(queryset)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("order", ["id", "n", "-a"])
def test_rows_of_a_function_that_returns_a_set_are_not_lost(order: str, relations: None) -> None:
    rows = believing("exact_left").objects.annotate(n=Series(1, F("b"))).order_by(order)
    assert_nothing_lost(rows.values_list("id", "a", "n"), ["id", "n"])
