"""How Django runs iterable classes and queries, as each supported version has it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.query import BaseIterable
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query

from chunkqs.django_internals.compiler import compile_select
from chunkqs.django_internals.iterables import AsksDerivedRows, Feed, fed
from tests.support.digests import digest, watched
from tests.support.models import Event
from tests.support.rows import make

STOCK: Any = QuerySet
PARTS = {
    "BaseIterable.__init__": watched(BaseIterable.__init__, "3da91197"),
    "QuerySet._iterator": watched(STOCK._iterator, "192678da"),
    "QuerySet.__iter__": watched(STOCK.__iter__, "fed79447"),
    "QuerySet._fetch_all": watched(STOCK._fetch_all, "025db67c"),
    "Query.clone": watched(Query.clone, "87cb9125"),
    "Query.chain": watched(Query.chain, "2c2785eb"),
    "Query.get_compiler": watched(Query.get_compiler, "05104cce"),
    "SQLCompiler.execute_sql": watched(SQLCompiler.execute_sql, "0257e727", since_6_1="c4297b58"),
}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    assert (name, digest(PARTS[name].part)) == (name, PARTS[name].expected)


def block() -> list[Any]:
    statement = compile_select(Event.objects.order_by("pk"), connection).statement
    assert statement is not None
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        return list(cursor.fetchall())


@pytest.fixture
def rows(db: None) -> list[Any]:
    make(Event, 20)
    return block()


def test_the_first_execution_is_fed_and_no_other(rows: list[Any]) -> None:
    queryset = fed(Event.objects.order_by("pk"), Feed(lambda: iter(rows[:5]), lets_derive=False))
    assert [row.pk for row in queryset] == [row[0] for row in rows[:5]]
    assert [row.pk for row in queryset.iterator()] == [row[0] for row in rows]


def test_what_is_derived_from_a_fed_queryset_runs_on_the_database(rows: list[Any]) -> None:
    queryset = fed(Event.objects.order_by("pk"), Feed(lambda: iter([]), lets_derive=True))
    assert list(queryset.values_list("pk", flat=True)) == [row[0] for row in rows]
    assert queryset.filter(pk=rows[3][0]).get().pk == rows[3][0]
    assert list(queryset) == []


def test_rows_of_a_derived_query_are_refused_before_those_of_the_feed(rows: list[Any]) -> None:
    queryset = fed(Event.objects.order_by("pk"), Feed(lambda: iter(rows), lets_derive=False))
    with pytest.raises(AsksDerivedRows):
        list(queryset.values("pk"))
    with pytest.raises(AsksDerivedRows):
        list(queryset.filter(pk=1).exclude(kind="x"))
    assert queryset.count() == len(rows)
    assert queryset.exists()
    assert len(list(queryset)) == len(list(queryset.values("pk"))) == len(rows)


def test_a_queryset_that_was_fed_from_stays_as_it_was(rows: list[Any]) -> None:
    queryset = Event.objects.order_by("pk")
    fed(queryset, Feed(lambda: iter([]), lets_derive=False))
    assert type(queryset.query) is Query
    assert len(queryset) == len(rows)
