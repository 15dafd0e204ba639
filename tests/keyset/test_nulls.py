"""NULLs in columns that are declared to have none: no row is lost, wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext

from chunkqs import KeysetPaginator, chunks, keyset_iter, partition, partitions, stream
from chunkqs.databases import null_proofs
from tests.support.databases import vendor
from tests.support.exactness.kinds import Model, run, unmanaged
from tests.support.exactness.oracle import Oracle, assert_exact

INTEGER = models.IntegerField
#: Values of `a` and `b`, and how many rows have both.
GROUPS = [
    *[(1, 1), (1, 2), (1, None), (1, None), (2, None), (2, 1), (None, 1), (None, 2)],
    *[(None, None), (None, None), (3, 5), (3, 5), (4, None)],
]


@pytest.fixture(scope="module")
def tables(committed_db: None) -> Iterator[None]:
    drop()
    run("CREATE TABLE exact_null (id integer PRIMARY KEY, a integer, b integer, w varchar(9))")
    run("CREATE TABLE exact_whole (id integer NOT NULL PRIMARY KEY, a integer NOT NULL)")
    for number, (a, b) in enumerate(GROUPS):
        word = None if b is None else f"W{b}"
        run("INSERT INTO exact_null VALUES (%s, %s, %s, %s)", number * 7 % 13, a, b, word)
    for number in range(9):
        run("INSERT INTO exact_whole VALUES (%s, %s)", number, number // 2)
    run("CREATE VIEW exact_null_view AS SELECT id, a, b, w FROM exact_null")
    key = "CASE WHEN id = 1 THEN NULL ELSE id END AS id"
    run(f"CREATE VIEW exact_null_key AS SELECT {key}, a, b, w FROM exact_null")
    if vendor() == "postgresql":
        run("CREATE TABLE exact_null_parent (id integer NOT NULL, a integer, b integer, w text)")
        run("CREATE TABLE exact_null_heir () INHERITS (exact_null_parent)")
        run("INSERT INTO exact_null_heir SELECT * FROM exact_null")
    yield
    drop()
    connection.close()


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    null_proofs.ANSWERS.clear()


def drop() -> None:
    run("DROP VIEW IF EXISTS exact_null_view")
    run("DROP VIEW IF EXISTS exact_null_key")
    if vendor() == "postgresql":
        run("DROP TABLE IF EXISTS exact_null_heir, exact_null_parent")
    for name in ("exact_null", "exact_whole"):
        run(f"DROP TABLE IF EXISTS {name}")


def declaring(table: str) -> Model:
    """Return a model that declares each column of a table to have no NULL."""
    key, word = INTEGER(primary_key=True), models.CharField(max_length=9)
    return unmanaged(table, managed=True, id=key, a=INTEGER(), b=INTEGER(), w=word)


TABLES = ["exact_null", "exact_null_view", "exact_null_key"]
if vendor() == "postgresql":
    TABLES += ["exact_null_parent"]
ORDERS: dict[str, list[Any]] = {
    "first": ["a"],
    "first, down": ["-a"],
    "later": ["a", "b"],
    "later, down": ["-a", "-b"],
    "mixed": ["a", "-b"],
    "mixed, down": ["-a", "b"],
    "last": ["a", "id", "b"],
    "an expression": [Lower("w")],
    "an expression, later": ["a", Lower("w").desc()],
    "nulls first": [F("a").asc(nulls_first=True), F("b").asc(nulls_first=True)],
    "nulls last": [F("a").desc(nulls_last=True), F("b").desc(nulls_last=True)],
    "nulls apart": [F("a").asc(nulls_last=True), F("b").desc(nulls_first=True)],
}


def oracle_of(rows: QuerySet[Any, Any], order: list[Any]) -> Oracle:
    keys = rows.values_list("pk", flat=True)
    last = order[-1]
    is_down = last.startswith("-") if isinstance(last, str) else getattr(last, "descending", False)
    expected = list(keys.order_by(*order, "-pk" if is_down else "pk"))
    return Oracle(keys.order_by(*order), expected, sizes=(1, 2, 3, 7, None))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("table", TABLES)
def test_a_null_where_none_is_declared_is_walked(table: str, order: str, tables: None) -> None:
    assert_exact(oracle_of(declaring(table).objects.all(), ORDERS[order]))


@pytest.mark.parametrize("order", ORDERS)
def test_only_nulls(order: str, tables: None) -> None:
    rows = declaring("exact_null_view").objects.filter(b__isnull=True)
    assert_exact(oracle_of(rows, ORDERS[order]))


@pytest.mark.parametrize("order", ORDERS)
def test_a_walk_resumed_in_a_process_that_knows_nothing_yet(order: str, tables: None) -> None:
    oracle = oracle_of(declaring("exact_null_view").objects.all(), ORDERS[order])
    rows = keyset_iter(oracle.queryset, chunk_size=2)
    tokens = [rows.position for _ in rows]
    for number, token in enumerate(tokens):
        null_proofs.ANSWERS.clear()
        rest = list(iter(keyset_iter(oracle.queryset, chunk_size=50, after=token)))
        assert rest == oracle.expected[number + 1 :], number
        null_proofs.ANSWERS.clear()
        begin = list(iter(keyset_iter(oracle.queryset, chunk_size=50, until=token)))
        assert begin == oracle.expected[: number + 1], number


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_asked_of_a_part_in_a_process_that_knows_nothing_yet(
    order: str, tables: None
) -> None:
    oracle = oracle_of(declaring("exact_null_view").objects.all(), ORDERS[order])
    rows = keyset_iter(oracle.queryset, chunk_size=2)
    tokens = [rows.position for _ in rows]
    for number, token in enumerate(tokens):
        parts = {"after": oracle.expected[number + 1 :], "until": oracle.expected[: number + 1]}
        for bound, expected in parts.items():
            questions: dict[str, tuple[Callable[[Any], Any], Any]] = {
                "count": (len, len(expected)),
                "exists": (bool, bool(expected)),
                "a slice": (lambda rows: list(rows[:50]), expected),
                "backwards": (lambda rows: list(reversed(rows)), expected[::-1]),
                "chunks": (lambda rows: sum(map(list, rows.chunks(50)), []), expected),
            }
            for question, (ask, answer) in questions.items():
                null_proofs.ANSWERS.clear()
                part = keyset_iter(oracle.queryset, chunk_size=2, **{bound: token})
                assert ask(part) == answer, (number, bound, question)


@pytest.mark.parametrize("order", ORDERS)
def test_the_chunks_of_a_stream_are_in_its_order(order: str, tables: None) -> None:
    oracle = oracle_of(declaring("exact_null_view").objects.all(), ORDERS[order])
    for size in (1, 2, 3, 50):
        null_proofs.ANSWERS.clear()
        assert sum(map(list, stream(oracle.queryset).chunks(size)), []) == oracle.expected


@pytest.mark.parametrize("order", ORDERS)
def test_pages_by_a_process_that_knows_nothing_yet(order: str, tables: None) -> None:
    rows = declaring("exact_null_view").objects.order_by(*ORDERS[order])
    expected = oracle_of(rows, ORDERS[order]).expected
    for size in (1, 2, 3):
        got, token = [], None
        for _ in range(len(GROUPS) + 1):
            null_proofs.ANSWERS.clear()
            page = KeysetPaginator(rows, size).page(token)
            got += [row.pk for row in page]
            if not (token := page.next_token):
                break
        assert got == expected, size


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("divide", [{"n": 4}, {"size": 3}])
def test_partitions_by_processes_that_know_nothing_yet(
    order: str, divide: dict[str, int], tables: None
) -> None:
    rows = declaring("exact_null_view").objects.order_by(*ORDERS[order])
    tokens = [str(one) for one in partitions(rows, **divide)]
    assert len(tokens) > 3
    got = []
    for token in tokens:
        null_proofs.ANSWERS.clear()
        got += [row.pk for row in partition(rows, token)]
    assert got == oracle_of(rows, ORDERS[order]).expected


def test_a_chunk_names_its_rows_when_the_proof_has_expired(
    tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = declaring("exact_null_view").objects.order_by("a", "b")
    for chunk in chunks(rows, 3):
        with monkeypatch.context() as late:
            late.setattr(null_proofs.time, "monotonic", lambda: float(1 << 40))
            assert [row.pk for row in chunk] == [row.pk for row in chunk.queryset]


def test_a_chunk_names_its_rows(tables: None) -> None:
    rows = declaring("exact_null_view").objects.order_by("a", "b")
    for chunk in chunks(rows, 2):
        assert [row.pk for row in chunk] == [row.pk for row in chunk.queryset]


def test_a_proof_costs_no_query(tables: None) -> None:
    model = unmanaged(
        "exact_whole", managed=True, id=models.BigIntegerField(primary_key=True), a=INTEGER()
    )

    def asked(**options: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert list(iter(keyset_iter(model.objects.order_by("a"), **options)))
        return len(queries)

    first = asked(chunk_size=2)
    assert len(null_proofs.ANSWERS) == 2
    assert asked(chunk_size=2) == first
    rows = keyset_iter(model.objects.order_by("a"), chunk_size=20)
    next(iter(rows))
    null_proofs.ANSWERS.clear()
    assert asked(chunk_size=20, after=rows.position) == 1
    assert len(null_proofs.ANSWERS) == 2


def test_what_was_proven_is_asked_again(tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    column = null_proofs.TableColumn("exact_whole", "a")
    null_proofs.ask(connection, [column])
    assert null_proofs.known(connection, [column]) == {column: True}
    monkeypatch.setattr(null_proofs.time, "monotonic", lambda: float("inf"))
    assert null_proofs.known(connection, [column]) == {}
