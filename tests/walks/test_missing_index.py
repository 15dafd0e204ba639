"""A walk by keyset says that each chunk sorts, where the planner says so, and what would help."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Index, QuerySet, Value
from django.db.models.functions import Lower, Upper
from django.test.utils import CaptureQueriesContext

from chunkqs import MissingIndexWarning
from chunkqs.databases import database_of
from tests.support.databases import analyze
from tests.support.models import Indexed, IndexedProxy, Owner, Ranked

pytestmark = pytest.mark.usefixtures("rows")

ROWS = 20_000
CHUNK = 50
Make = Callable[[], QuerySet[Any, Any]]


@pytest.fixture(scope="module")
def rows(committed_db: None) -> None:
    owners = Owner.objects.bulk_create(Owner(name=str(n), rank=n) for n in range(50))
    Indexed.objects.bulk_create(
        Indexed(
            owner=owners[n % 50],
            kind="gb"[n % 2],
            is_open=n % 2 == 0,
            a=n % 60,
            b=n % 700,
            c=n,
            d=n * 7919 % 20_011,
            e=n,
            name=f"{n * 7919 % 20_011}",
        )
        for n in range(ROWS)
    )
    Ranked.objects.bulk_create(
        Ranked(name=str(n), number=n, moment="2024-01-01T00:00Z") for n in range(20)
    )
    analyze(Owner, Indexed, Ranked)


def warned(queryset: Any) -> list[str]:
    """Walk a few chunks, and return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(islice(queryset.keyset_iter(chunk_size=CHUNK, bounded=False), 2 * CHUNK + 1))
    return [str(one.message) for one in caught if one.category is MissingIndexWarning]


FITTED: dict[str, Make] = {
    "no order": lambda: Indexed.objects.all(),
    "the primary key, descending": lambda: Indexed.objects.order_by("-pk"),
    "a unique column": lambda: Indexed.objects.order_by("e"),
    "an index": lambda: Indexed.objects.order_by("a", "b"),
    "an index, backwards": lambda: Indexed.objects.order_by("-a", "-b"),
    "an index, by reverse()": lambda: Indexed.objects.order_by("a", "b").reverse(),
    "mixed directions": lambda: Indexed.objects.order_by("kind", "-b", "-id"),
    "mixed directions, backwards": lambda: Indexed.objects.order_by("-kind", "b", "id"),
    "after a filter": lambda: Indexed.objects.filter(a=1).order_by("b"),
    "filtered by its own column": lambda: Indexed.objects.filter(c=1).order_by("c"),
    "a proxy": lambda: IndexedProxy.objects.order_by("a", "b"),
    "a constant": lambda: Indexed.objects.order_by(Value(1)),
    "a few rows of a large table": lambda: Indexed.objects.filter(pk__lt=100).order_by("d"),
    "a small table": lambda: Ranked.objects.order_by("number"),
    "none": lambda: Indexed.objects.none().order_by("d"),
}
UNFITTED: dict[str, tuple[Make, str]] = {
    "a column": (
        lambda: Indexed.objects.order_by("d"),
        'models.Index(fields=["d", "id"])',
    ),
    "the second column of an index": (
        lambda: Indexed.objects.order_by("b"),
        'models.Index(fields=["b", "id"])',
    ),
    "a foreign key after a column": (
        lambda: Indexed.objects.order_by("-d", "owner_id"),
        'models.Index(fields=["-d", "owner", "id"])',
    ),
    "a proxy": (
        lambda: IndexedProxy.objects.order_by("d"),
        'models.Index(fields=["d", "id"])',
    ),
    "a filter that leaves many rows": (
        lambda: Indexed.objects.filter(is_open=False).order_by("d"),
        'models.Index(fields=["is_open", "d", "id"])',
    ),
}
#: Sorted or gathered anew for every chunk, whatever index there is.
WITHOUT_REMEDY: dict[str, Make] = {
    "a related column": lambda: Indexed.objects.order_by("owner__name", "d"),
    "an aggregate": lambda: Indexed.objects.annotate(n=Count("owner")).order_by("n"),
    "distinct": lambda: Indexed.objects.distinct().order_by("d"),
}


@contextmanager
def made(create_index: str) -> Iterator[None]:
    """Let an index be there while the block runs."""
    name = create_index.split()[2]
    on = " ON tests_indexed" if connection.vendor == "mysql" else ""
    with connection.cursor() as cursor:
        cursor.execute(create_index)
    analyze(Indexed)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {name}{on}")


@pytest.mark.parametrize("case", FITTED)
def test_nothing_is_said_where_no_chunk_sorts_many_rows(case: str) -> None:
    assert warned(FITTED[case]()) == []


@pytest.mark.parametrize("case", UNFITTED)
def test_a_walk_names_the_index_that_it_lacks(case: str) -> None:
    make, remedy = UNFITTED[case]
    (text,) = warned(make())
    assert "each chunk sorts the whole result" in text
    assert remedy in text


@pytest.mark.parametrize("case", WITHOUT_REMEDY)
def test_where_no_index_would_help_the_advice_is_stream(case: str) -> None:
    (text,) = warned(WITHOUT_REMEDY[case]())
    assert "Use stream()" in text
    assert "Add" not in text


@pytest.mark.database("postgresql", "sqlite")
def test_an_index_with_a_condition_is_for_the_queries_that_meet_it() -> None:
    assert warned(Indexed.objects.filter(a=1).order_by("c")) == []
    (text,) = warned(Indexed.objects.order_by("c"))
    assert 'models.Index(fields=["c", "id"])' in text


@pytest.mark.database("postgresql", "mysql")
def test_an_index_with_the_wrong_directions_is_none() -> None:
    (text,) = warned(Indexed.objects.order_by("kind", "b", "-id"))
    assert 'models.Index(fields=["kind", "b", "-id"])' in text


@pytest.mark.database("postgresql")
def test_rows_that_are_alike_in_an_index_are_sorted_together_only_where_they_are_many() -> None:
    assert warned(Indexed.objects.order_by("a", "d")) == []
    (text,) = warned(Indexed.objects.order_by("is_open"))
    assert 'models.Index(fields=["is_open", "id"])' in text


@pytest.mark.database("mysql", "sqlite")
def test_the_primary_key_at_the_end_of_every_index_is_found() -> None:
    assert warned(Indexed.objects.order_by("is_open")) == []


def test_the_warning_shows_the_callers_line() -> None:
    rows = Indexed.objects.order_by("d").keyset_iter(chunk_size=1)
    with pytest.warns(MissingIndexWarning) as caught:
        next(iter(rows))
    (warning,) = caught
    assert warning.filename == __file__
    assert "tests.Indexed" in str(warning.message)


def test_chunks_warn_and_streams_do_not() -> None:
    with pytest.warns(MissingIndexWarning):
        list(islice(Indexed.objects.order_by("d").chunks(CHUNK), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(islice(Indexed.objects.order_by("d").stream(chunk_size=CHUNK), 2 * CHUNK))


def test_a_walk_that_fits_one_chunk_asks_nothing_about_indexes() -> None:
    with CaptureQueriesContext(connection) as captured:
        list(iter(Ranked.objects.order_by("number").keyset_iter(chunk_size=100)))
    assert not any("EXPLAIN" in query["sql"] for query in captured)


def test_an_index_that_the_model_does_not_declare_ends_the_warning() -> None:
    queryset = Indexed.objects.order_by("d", "-b")
    (text,) = warned(queryset)
    assert 'Add models.Index(fields=["d", "-b", "-id"]) to' in text
    index = Index(fields=["d", "-b", "-id"], name="indexed_added")
    with made(str(index.create_sql(Indexed, connection.schema_editor()))):
        assert warned(queryset) == []
        assert warned(queryset.reverse()) == []


@pytest.mark.database("postgresql", "sqlite")
@pytest.mark.parametrize("order", [Upper("name"), F("b") - F("c"), Upper("name").desc()])
def test_the_statement_that_is_named_ends_the_warning(order: Any) -> None:
    (text,) = warned(Indexed.objects.order_by(order, "b"))
    statement = text[text.index("CREATE INDEX") : text.index(". Or use")]
    with made(statement):
        assert warned(Indexed.objects.order_by(order, "b")) == []


@pytest.mark.database("postgresql")
def test_an_expression_with_a_constant_is_found_in_an_index() -> None:
    (text,) = warned(Indexed.objects.order_by(F("b") * 100))
    with made(text[text.index("CREATE INDEX") : text.index(". Or use")]):
        assert warned(Indexed.objects.order_by(F("b") * 100)) == []


@pytest.mark.database("sqlite")
def test_an_index_that_would_not_be_found_is_not_advised() -> None:
    (text,) = warned(Indexed.objects.order_by(F("b") * 100))
    assert "Use stream()" in text
    assert "CREATE INDEX" not in text


@pytest.mark.database("postgresql", "sqlite")
def test_an_expression_is_known_however_it_is_written() -> None:
    for order in (Lower("name"), Lower(F("name")).desc()):
        assert warned(Indexed.objects.order_by(order)) == []
    assert warned(Indexed.objects.annotate(low=Lower("name")).order_by("-low")) == []


@pytest.mark.database("mysql")
def test_where_there_are_no_indexes_on_expressions_another_way_is_named() -> None:
    if connection.features.supports_expression_indexes:
        assert warned(Indexed.objects.order_by(Lower("name"))) == []
    else:
        (text,) = warned(Indexed.objects.order_by(Lower("name")))
        assert "GeneratedField" in text


@pytest.mark.parametrize("sql", ["SELECT 1 FROM no_such_table", "SELECT 1 / 'a' FROM"])
def test_advice_that_fails_leaves_the_walk_and_the_transaction_alone(
    sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(self: Any, statement: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    monkeypatch.setattr(type(database_of(connection)), "repeated_work", stumbles)
    assert warned(Indexed.objects.order_by("d")) == []
    with transaction.atomic():
        Owner.objects.create(name="in the transaction", rank=1000)
        assert warned(Indexed.objects.order_by("d")) == []
        assert Owner.objects.filter(rank=1000).exists()
        transaction.set_rollback(True)


class SoftTimeLimit(Exception):
    """What a task queue raises out of a signal."""


class Handler:
    """Raises it, in each form that a handler may have."""

    def __call__(self, *signal: Any) -> None:
        raise SoftTimeLimit

    def method(self, *signal: Any) -> None:
        raise SoftTimeLimit


HANDLERS: dict[str, Any] = {
    "function": lambda *signal: Handler().method(),
    "method": Handler().method,
    "object": Handler(),
    "partial": partial(Handler().method, "whose"),
}


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("in_block", [False, True])
def test_a_signal_during_the_advice_ends_the_walk(
    handler: str, in_block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_interrupted(self: Any, statement: Any) -> None:
        signal.raise_signal(signal.SIGUSR1)

    monkeypatch.setattr(type(database_of(connection)), "repeated_work", is_interrupted)
    before = signal.signal(signal.SIGUSR1, HANDLERS[handler])
    try:
        with pytest.raises(SoftTimeLimit), transaction.atomic() if in_block else nullcontext():
            warned(Indexed.objects.order_by("d"))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert Owner.objects.exists()


@pytest.mark.database("postgresql")
def test_a_range_of_another_column_than_the_orders_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chunkqs.databases.postgresql.repeated_work.MANY_SKIPPED", 3_000)
    narrow = Indexed.objects.filter(d__lt=200)
    assert warned(narrow) == []  # few rows, which are read at once
    monkeypatch.setattr("chunkqs.sources.several_chunks_at_once.MOST_ROWS", 0)
    (text,) = warned(narrow)
    assert "Order by the column that you filter a range of" in text
    assert warned(Indexed.objects.filter(d__lt=15_000)) == []
    assert warned(Indexed.objects.filter(id__lt=15_000)) == []
