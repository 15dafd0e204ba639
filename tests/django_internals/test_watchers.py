"""What watches SQLCompiler.execute_sql() sees the queries, and takes no row from a walk."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import IntegerField, Value
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler
from django.test.utils import CaptureQueriesContext

from chunkqs import stream
from chunkqs.django_internals.execute_sql import is_watched
from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

#: More than any first chunk.
ROWS = 2100
#: In the queries of a walk, and in the EXPLAIN of one.
COLUMN = 'SELECT "tests_event"."id"'


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Watch as django-silk does, and ask for a plan of each query on the same connection."""
    queries: list[str] = []
    original = SQLCompiler.execute_sql

    def execute_sql(self: Any, *args: Any, **kwargs: Any) -> Any:
        sql, params = self.as_sql()
        try:
            return original(self, *args, **kwargs)
        finally:
            queries.append(sql % tuple(map(str, params)))
            if not connection.needs_rollback:
                with self.connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                    assert cursor.fetchone() == (1,)

    monkeypatch.setattr(SQLCompiler, "execute_sql", execute_sql)
    return queries


WALKS: dict[str, Callable[[Any], Any]] = {
    "stream()": lambda queryset: iter(queryset.stream()),
    "stream(), not ahead": lambda queryset: iter(queryset.stream(read_ahead=False)),
    "stream() on the caller's connection": lambda queryset: iter(queryset.stream(private=False)),
    "stream() of few rows": lambda queryset: iter(queryset[:10].stream()),
    "keyset_iter()": lambda queryset: iter(queryset.keyset_iter(chunk_size=1000)),
    "chunks()": lambda queryset: (row for chunk in queryset.chunks(1000) for row in chunk),
}
by_every_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)


@by_every_walk
def test_a_watcher_sees_each_query_of_a_walk(seen: list[str], walk: Callable[[Any], Any]) -> None:
    make(Event, ROWS)
    seen.clear()
    queryset = Event.objects.annotate(one=Value(1, IntegerField())).order_by("pk")
    expected = list(queryset[:10] if walk is WALKS["stream() of few rows"] else queryset)
    seen.clear()
    with CaptureQueriesContext(connection) as captured:
        rows = list(walk(queryset))
    assert rows == expected
    queries = [query["sql"].replace("`", '"') for query in captured]
    # The EXPLAIN of the advice, and the look for the first position, are no reading.
    of_the_walk = [
        sql
        for sql in queries
        if COLUMN in sql and not sql.startswith("EXPLAIN") and not sql.endswith("LIMIT 2")
    ]
    assert len(seen) == len(of_the_walk) > 0


def test_a_watcher_sees_a_stream_in_a_transaction(seen: list[str]) -> None:
    make(Event, ROWS)
    seen.clear()
    with transaction.atomic():
        assert len(list(iter(Event.objects.stream()))) == ROWS
    assert len(seen) >= 1


def test_a_query_that_fails_raises_its_own_error(seen: list[str]) -> None:
    make(Event, 3)
    wrong = Event.objects.annotate(x=RawSQL("no_such_function(1)", []))
    with pytest.raises(DatabaseError, match="no_such_function"):
        list(iter(stream(wrong)))
    assert Event.objects.count() == 3


def from_cache(original: Any) -> Any:
    """Answer as a cache would: every result is read, and kept."""
    kept: dict[str, Any] = {}

    @wraps(original)
    def execute_sql(self: Any, *args: Any, **kwargs: Any) -> Any:
        sql, params = self.as_sql()
        key = sql % tuple(map(str, params))
        if key not in kept:
            result = original(self, *args, **kwargs)
            kept[key] = list(result) if hasattr(result, "__iter__") else result
        return kept[key]

    return execute_sql


@by_every_walk
def test_an_unknown_cache_takes_no_row(
    walk: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(Event, ROWS)
    queryset = Event.objects.order_by("pk")
    expected = len(list(walk(queryset)))
    monkeypatch.setattr(SQLCompiler, "execute_sql", from_cache(SQLCompiler.execute_sql))
    for _ in range(2):
        assert len(list(walk(queryset))) == expected


def test_a_known_cache_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_watched(SQLCompiler)
    source = "def execute_sql(self, *args, **kwargs): raise AssertionError"
    namespace: dict[str, Any] = {"__name__": "cachalot.monkey_patch"}
    exec(source, namespace)
    monkeypatch.setattr(SQLCompiler, "execute_sql", namespace["execute_sql"])
    assert not is_watched(SQLCompiler)
    namespace["__name__"] = "silk.sql"
    assert is_watched(SQLCompiler)


def test_something_that_is_no_function_is_a_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrapper:
        """As wrapt makes them."""

        def __get__(self, instance: Any, owner: Any) -> Any:
            return self

    monkeypatch.setattr(SQLCompiler, "execute_sql", Wrapper())
    assert is_watched(SQLCompiler)
