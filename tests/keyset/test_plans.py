"""The work of a chunk is that of its rows, wherever in the table it lies.

Read from the plans and counters of the database, not from a clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Lower

from chunkqs.django_internals.compiler import Statement, compile_select
from chunkqs.keyset.keyset import keyset_of
from chunkqs.keyset.page_statement import PageQuery
from chunkqs.keyset.query import KeysetQuery
from chunkqs.keyset.statement_template import Open
from tests.support.databases import analyze
from tests.support.models import Deep, DeepPart

pytestmark = [pytest.mark.usefixtures("deep_tables"), pytest.mark.once_per_database]

#: This deep, a predicate that finds no index takes 50 to 1,000 times the work of the first chunk.
ROWS = 200_000
CHUNK = 100
#: The work of the first chunk at most: in blocks, rows, or tens of steps for each of its rows.
FIRST = 10
#: How much more than the first chunk another may take. SQLite counts as steps what it takes
#: to bring the rows of several ranges into one order, too, in memory and a chunk's at most.
FACTOR = {"postgresql": 4, "mysql": 4, "sqlite": 12}

NUMBERS = {
    "postgresql": f"SELECT generate_series(1::bigint, {ROWS}) AS n",
    "mysql": f"SELECT seq AS n FROM seq_1_to_{ROWS}",
    "sqlite": (
        "WITH RECURSIVE numbers (n) AS"
        f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})"
        " SELECT n FROM numbers"
    ),
}
#: `number` comes in another order than the rows lie in the table.
DEEP = """
    INSERT INTO tests_deep (kind, few, number, maybe, name, moment)
    SELECT {kind}, CASE WHEN n % 4 = 0 THEN NULL ELSE n % 4 END,
        (n * 7919) % 1000003, CASE WHEN n % 10 = 0 THEN NULL ELSE n END,
        {name}, '2024-01-01 00:00:00'
    FROM ({numbers}) AS source
"""
DEEP_PART = """
    INSERT INTO tests_deeppart (tenant, number) SELECT n % 5, n FROM ({numbers}) AS source
"""
ORDERS: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "primary key": lambda: Deep.objects.all(),
    "composite primary key": lambda: DeepPart.objects.all(),
    "composite primary key, descending": lambda: DeepPart.objects.order_by("-pk"),
    "one column": lambda: Deep.objects.order_by("number"),
    "one column, descending": lambda: Deep.objects.order_by("-number"),
    "many ties": lambda: Deep.objects.order_by("kind"),
    "many ties, descending": lambda: Deep.objects.order_by("-kind"),
    "few values first": lambda: Deep.objects.order_by("kind", "number"),
    "mixed directions": lambda: Deep.objects.order_by("kind", "-number"),
    "mixed directions, reversed": lambda: Deep.objects.order_by("kind", "-number").reverse(),
    "NULLs": lambda: Deep.objects.order_by("maybe"),
    "NULLs, descending": lambda: Deep.objects.order_by("-maybe"),
    "NULLs and mixed directions": lambda: Deep.objects.order_by("few", "-number"),
    "four columns": lambda: Deep.objects.order_by("kind", "-few", "number", "-id"),
    "NULLs first": lambda: Deep.objects.order_by(F("maybe").asc(nulls_first=True)),
    "NULLs last": lambda: Deep.objects.order_by(F("maybe").asc(nulls_last=True)),
    "NULLs first, descending": lambda: Deep.objects.order_by(F("maybe").desc(nulls_first=True)),
    "NULLs last, descending": lambda: Deep.objects.order_by(F("maybe").desc(nulls_last=True)),
    "few values, NULLs first": lambda: Deep.objects.order_by(
        F("few").asc(nulls_first=True), "-number"
    ),
    "few values, NULLs last": lambda: Deep.objects.order_by(
        F("few").asc(nulls_last=True), "-number"
    ),
    "no NULLs to come last": lambda: Deep.objects.order_by(F("number").asc(nulls_last=True)),
    "filtered": lambda: Deep.objects.filter(kind="1").order_by("number"),
    "filtered, descending": lambda: Deep.objects.filter(kind="1").order_by("-number"),
    "by the column of the filter too": lambda: Deep.objects.filter(kind="1").order_by(
        "kind", "number"
    ),
    "filtered, mixed directions": lambda: Deep.objects.filter(kind="1").order_by(
        "-few", "number", "-id"
    ),
}
EXPRESSIONS: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "function": lambda: Deep.objects.order_by(Lower("name")),
}


@pytest.fixture(scope="module")
def deep_tables(committed_db: None) -> None:
    text = "CAST({} AS CHAR)" if connection.vendor == "mysql" else "CAST({} AS varchar(20))"
    parts = {
        "numbers": NUMBERS[connection.vendor],
        "kind": text.format("n % 5"),
        "name": text.format("n"),
    }
    with connection.cursor() as cursor:
        cursor.execute(DEEP.format(**parts))
        cursor.execute(DEEP_PART.format(**parts))
    analyze(Deep, DeepPart)


def buffers(statement: Statement) -> int:
    """Count the blocks that PostgreSQL looks at."""
    with connection.cursor() as cursor:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}"
        cursor.execute(explain, statement.params)
        (result,) = cursor.fetchone()
    plan = (json.loads(result) if isinstance(result, str) else result)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def handler_reads(statement: Statement) -> int:
    """Count the rows that MariaDB reads from tables and indexes."""
    with connection.cursor() as cursor:
        cursor.execute("FLUSH STATUS")
        cursor.execute(*statement)
        cursor.fetchall()
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler%'")
        counts = {name: int(count) for name, count in cursor.fetchall()}
    # An entry of an index that the engine itself passes over is an attempt, but not a read.
    passed = counts["Handler_icp_attempts"] - counts["Handler_icp_match"]
    return passed + sum(count for name, count in counts.items() if "_read_" in name)


def steps(statement: Statement) -> int:
    """Count the steps of SQLite's virtual machine, in tens."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 10)
    try:
        with connection.cursor() as cursor:
            cursor.execute(*statement)
            cursor.fetchall()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return taken


WORK = {"postgresql": buffers, "mysql": handler_reads, "sqlite": steps}


def chunks(queryset: QuerySet[Any, Any], bounded: bool) -> Iterator[tuple[str, list[Statement]]]:
    """Yield the statements of a chunk at the start, in the middle and at the end."""
    query = KeysetQuery(keyset_of(queryset), connection)
    last = position_at(query, 0, query.keyset.reverse().queryset) if bounded else None
    yield from statements(query, last)


def pages(queryset: QuerySet[Any, Any], backward: bool) -> Iterator[tuple[str, list[Statement]]]:
    """Yield the statement of a page at each of the same places."""
    keyset = keyset_of(queryset)
    for place, ran in statements(PageQuery(keyset.reverse() if backward else keyset, connection)):
        assert len(ran) == 1
        yield place, ran


def statements(query: KeysetQuery, last: Any = None) -> Iterator[tuple[str, list[Statement]]]:
    rows = query.keyset.source.count()
    yield "start", list(run_until_full(query.statements(None, last)))
    for name, number in {"near": CHUNK, "middle": rows // 2, "end": rows - CHUNK - 1}.items():
        start = position_at(query, number, query.keyset.queryset)
        yield name, list(run_until_full(query.statements(start, last)))


def run_until_full(statements: Iterable[Open]) -> Iterator[Statement]:
    """Yield the statements that a chunk takes, and run them: also for the caches."""
    rows = 0
    for statement in statements:
        if rows < CHUNK:
            yield (filled := statement(CHUNK - rows))
            with connection.cursor() as cursor:
                cursor.execute(*filled)
                rows += len(cursor.fetchall())


def position_at(query: KeysetQuery, number: int, queryset: QuerySet[Any, Any]) -> Any:
    rows = queryset[number : number + 1]
    statement, _, _ = compile_select(rows, connection, query.extra)
    assert statement is not None
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return query.position(cursor.fetchone())


def assert_even(places: Iterable[tuple[str, list[Statement]]]) -> None:
    work = WORK[connection.vendor]
    taken = {name: sum(map(work, statements)) for name, statements in places}
    assert taken["start"] <= FIRST * CHUNK, taken
    assert max(taken.values()) <= FACTOR[connection.vendor] * taken["start"], taken


@pytest.mark.parametrize("bounded", [True, False], ids=["bounded", "unbounded"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_chunk_costs_the_same_anywhere(order: str, bounded: bool) -> None:
    assert_even(chunks(ORDERS[order](), bounded))


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_page_costs_the_same_anywhere(order: str, backward: bool) -> None:
    assert_even(pages(ORDERS[order](), backward))


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("bounded", [True, False], ids=["bounded", "unbounded"])
@pytest.mark.parametrize("order", [*ORDERS, "function"])
def test_the_plan_of_a_chunk_searches_an_index(order: str, bounded: bool) -> None:
    """What is scanned or sorted is the rows of a chunk that came from more than one range."""
    queryset = (ORDERS | EXPRESSIONS)[order]()
    for place, statement in (
        (place, one) for place, all in chunks(queryset, bounded) for one in all
    ):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.params)
            steps = [step for _, _, _, step in cursor.fetchall()]
        read = [step for step in steps if "tests_deep" in step]
        assert read
        for step in read:
            assert (
                step.startswith("SEARCH")
                or (place == "start" and " INDEX " in step)
                or (place == "start" and step == "SCAN tests_deep" and order == "primary key")
            ), steps
        if len(read) == 1:
            assert not any("TEMP B-TREE" in step for step in steps), steps


@pytest.mark.database("postgresql", "sqlite")
@pytest.mark.parametrize("bounded", [True, False], ids=["bounded", "unbounded"])
@pytest.mark.parametrize("order", EXPRESSIONS)
def test_a_chunk_by_an_indexed_expression_costs_the_same_anywhere(
    order: str, bounded: bool
) -> None:
    assert_even(chunks(EXPRESSIONS[order](), bounded))


@pytest.mark.database("postgresql")
def test_a_declared_index_with_the_nulls_where_the_order_has_them_is_used() -> None:
    from tests.support.postgresql.models import NullsFirst

    numbers = "SELECT CASE WHEN n % 10 > 0 THEN n END FROM generate_series(1, 100000) AS n"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO postgresql_nullsfirst (number) {numbers}")
    analyze(NullsFirst)
    for order in (F("number").asc(nulls_first=True), F("number").desc(nulls_last=True)):
        assert_even(chunks(NullsFirst.objects.order_by(order), bounded=True))
        assert_even(pages(NullsFirst.objects.order_by(order), backward=False))
