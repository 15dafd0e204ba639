"""A walk by keyset says which index it lacks, once, and says nothing where it lacks none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, F, Index, QuerySet
from django.db.models.functions import Lower, Upper
from django.test.utils import CaptureQueriesContext

from chunkqs import MissingIndexWarning
from tests.support.models import Composite, Indexed, IndexedProxy

pytestmark = pytest.mark.django_db

Make = Callable[[], QuerySet[Any, Any]]


def warned(queryset: Any) -> list[str]:
    """Walk, and return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(iter(queryset.keyset_iter(chunk_size=2)))
    return [str(one.message) for one in caught if one.category is MissingIndexWarning]


FITTED: dict[str, Make] = {
    "no order": lambda: Indexed.objects.all(),
    "the primary key, descending": lambda: Indexed.objects.order_by("-pk"),
    "a composite primary key": lambda: Composite.objects.order_by("-pk"),
    "a unique column": lambda: Indexed.objects.order_by("e"),
    "a foreign key": lambda: Indexed.objects.order_by("owner_id"),
    "an index": lambda: Indexed.objects.order_by("a", "b"),
    "an index, backwards": lambda: Indexed.objects.order_by("-a", "-b"),
    "an index, by reverse()": lambda: Indexed.objects.order_by("a", "b").reverse(),
    "mixed directions": lambda: Indexed.objects.order_by("kind", "-b", "-id"),
    "mixed directions, backwards": lambda: Indexed.objects.order_by("-kind", "b", "id"),
    "behind a filter": lambda: Indexed.objects.filter(a=1).order_by("b"),
    "behind a filter on two columns": lambda: Indexed.objects.filter(a=1, c=3).order_by("b"),
    "filtered by its own column": lambda: Indexed.objects.filter(c=1).order_by("c"),
    "a condition that the filter may meet": lambda: Indexed.objects.filter(a=1).order_by("c"),
    "a proxy": lambda: IndexedProxy.objects.order_by("a", "b"),
    "a related column": lambda: Indexed.objects.order_by("owner__name"),
    "groups": lambda: Indexed.objects.annotate(n=Count("owner")).order_by("n"),
    "distinct": lambda: Indexed.objects.distinct().order_by("d"),
    "a few rows": lambda: Indexed.objects.filter(pk__in=[1, 2, 3]).order_by("d"),
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
    "a foreign key behind a column": (
        lambda: Indexed.objects.order_by("-d", "owner_id"),
        'models.Index(fields=["-d", "owner", "id"])',
    ),
    "a condition that no filter meets": (
        lambda: Indexed.objects.order_by("c"),
        'models.Index(fields=["c", "id"])',
    ),
    "mixed directions, the wrong ones": (
        lambda: Indexed.objects.order_by("kind", "b", "-id"),
        'models.Index(fields=["kind", "b", "-id"])',
    ),
    "a proxy": (
        lambda: IndexedProxy.objects.order_by("d"),
        'models.Index(fields=["d", "id"])',
    ),
}


@pytest.fixture(autouse=True)
def rows() -> None:
    Indexed.objects.bulk_create(Indexed(e=n, name=str(n)) for n in range(5))


def statements_until_first_row(queryset: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        next(iter(queryset.keyset_iter(bounded=False)))
    return len(captured)


@contextmanager
def made(create_index: str) -> Iterator[None]:
    """Let an index be there while the block runs."""
    name = create_index.split()[2]
    on = " ON tests_indexed" if connection.vendor == "mysql" else ""
    with connection.cursor() as cursor:
        cursor.execute(create_index)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX {name}{on}")


@pytest.mark.parametrize("case", FITTED)
def test_nothing_is_said_where_an_index_fits_or_none_could(case: str) -> None:
    assert warned(FITTED[case]()) == []


@pytest.mark.parametrize("case", UNFITTED)
def test_a_walk_names_the_index_that_it_lacks(case: str) -> None:
    make, remedy = UNFITTED[case]
    (text,) = warned(make())
    assert remedy in text


def test_the_warning_comes_with_the_first_row_and_shows_the_callers_line() -> None:
    rows = Indexed.objects.order_by("d").keyset_iter(chunk_size=1)
    with pytest.warns(MissingIndexWarning) as caught:
        next(iter(rows))
    (warning,) = caught
    assert warning.filename == __file__
    assert "tests.Indexed" in str(warning.message)


def test_chunks_warn_and_streams_do_not() -> None:
    with pytest.warns(MissingIndexWarning):
        list(Indexed.objects.order_by("d").chunks(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(iter(Indexed.objects.order_by("d").stream(chunk_size=2)))
        list(Indexed.objects.order_by("d").stream().chunks(2))


def test_no_query_is_spent_where_the_model_declares_the_index() -> None:
    assert statements_until_first_row(Indexed.objects.order_by("a", "b")) == 1
    assert statements_until_first_row(Indexed.objects.order_by("d")) > 1


@pytest.mark.django_db(transaction=True)
def test_the_index_that_is_named_ends_the_warning() -> None:
    queryset = Indexed.objects.order_by("d", "-b")
    (text,) = warned(queryset)
    assert 'Add models.Index(fields=["d", "-b", "-id"]) to' in text
    index = Index(fields=["d", "-b", "-id"], name="indexed_added")
    with made(str(index.create_sql(Indexed, connection.schema_editor()))):
        assert warned(queryset) == []
        assert warned(queryset.reverse()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.database("postgresql", "sqlite")
@pytest.mark.parametrize("order", [Upper("name"), F("b") * 100 - F("c"), Upper("name").desc()])
def test_the_statement_that_is_named_ends_the_warning(order: Any) -> None:
    (text,) = warned(Indexed.objects.order_by(order, "b"))
    statement = text[text.index("CREATE INDEX") : text.index(". Or use")]
    with made(statement):
        assert warned(Indexed.objects.order_by(order, "b")) == []


@pytest.mark.database("postgresql", "sqlite")
def test_an_expression_is_known_however_it_is_written() -> None:
    for order in (Lower("name"), Lower(F("name")).desc(), Lower("name").asc(nulls_last=True)):
        assert warned(Indexed.objects.order_by(order)) == []
    assert warned(Indexed.objects.annotate(low=Lower("name")).order_by("-low")) == []


@pytest.mark.database("mysql")
def test_where_there_are_no_indexes_on_expressions_another_way_is_named() -> None:
    if connection.features.supports_expression_indexes:
        assert warned(Indexed.objects.order_by(Lower("name"))) == []
    else:
        (text,) = warned(Indexed.objects.order_by(Lower("name")))
        assert "GeneratedField" in text


def test_many_ties_want_an_index_that_tells_them_apart() -> None:
    """InnoDB and SQLite put the primary key at the end of every index; PostgreSQL does not."""
    found = warned(Indexed.objects.order_by("is_open"))
    if connection.vendor == "postgresql":
        assert 'models.Index(fields=["is_open", "id"])' in found[0]
    else:
        assert found == []


@pytest.mark.django_db(transaction=True)  # MariaDB's ANALYZE commits
def test_a_filter_that_leaves_many_rows_is_part_of_the_index() -> None:
    Indexed.objects.bulk_create(Indexed(e=n) for n in range(100, 3_200))
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            analyze = "ANALYZE TABLE" if connection.vendor == "mysql" else "ANALYZE"
            cursor.execute(f"{analyze} tests_indexed")
    (text,) = warned(Indexed.objects.filter(a=0).order_by("d"))
    assert 'models.Index(fields=["a", "d", "id"])' in text
