"""django-silk records the queries of every walk, with their plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models.sql.compiler import SQLCompiler
from django.test import RequestFactory, override_settings

from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

#: More than any first chunk.
ROWS = 2100

WALKS: dict[str, Callable[[Any], Any]] = {
    "stream()": lambda queryset: iter(queryset.stream()),
    "stream() on the caller's connection": lambda queryset: iter(queryset.stream(private=False)),
    "keyset_iter()": lambda queryset: iter(queryset.keyset_iter(chunk_size=1000)),
    "chunks()": lambda queryset: (row for chunk in queryset.chunks(1000) for row in chunk),
}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Let silk record a request, as its middleware does; yield what it has recorded so far."""
    pytest.importorskip("silk")
    from silk.collector import DataCollector
    from silk.model_factory import RequestModelFactory
    from silk.sql import execute_sql

    monkeypatch.setattr(SQLCompiler, "_execute_sql", SQLCompiler.execute_sql, raising=False)
    monkeypatch.setattr(SQLCompiler, "execute_sql", execute_sql)
    collector = DataCollector()
    request = RequestModelFactory(RequestFactory().get("/")).construct_request_model()
    collector.configure(request)
    yield lambda: [query["query"] for query in collector.queries.values()]
    collector.clear()


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_silk_records_the_queries_of_a_walk(
    recorded: Callable[[], list[str]], walk: Callable[[Any], Any]
) -> None:
    make(Event, ROWS)
    queryset = Event.objects.order_by("pk").filter(pk__gt=0)
    expected = sorted(Event.objects.values_list("pk", flat=True))
    before = len(recorded())
    with override_settings(SILKY_ANALYZE_QUERIES=False):
        assert [row.pk for row in walk(queryset)] == expected
    assert [sql for sql in recorded()[before:] if "tests_event" in sql]
