"""Streams on a private connection: when, and seen by whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import (
    NotSupportedError,
    OperationalError,
    connection,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from chunkqs import StreamInterrupted, stream
from tests.sources.streams.walks import ROWS, SIZE, copied, events, large
from tests.support.leftovers import BACKENDS, Leftovers, backends
from tests.support.models import Event

server = pytest.mark.database("postgresql", "mysql")
pytestmark = pytest.mark.django_db(transaction=True)


@server
def test_a_killed_private_connection_interrupts_the_stream() -> None:
    make_wide()
    before = backends()
    iterator = iter(large())
    next(iterator)
    (backend,) = backends() - before
    with connection.cursor() as cursor:
        kill = "SELECT pg_terminate_backend(%s)" if connection.vendor == "postgresql" else "KILL %s"
        cursor.execute(kill, [backend])
    with pytest.raises(StreamInterrupted, match="keyset_iter"):
        list(iterator)


def make_wide() -> None:
    """More bytes than the buffers between server and client take, so that some are on the way."""
    Event.objects.update(path="x" * 200)
    for _ in range(7):
        Event.objects.bulk_create(copied(event) for event in list(Event.objects.all()))


@pytest.mark.database("postgresql")
def test_types_registered_on_the_callers_connection_are_read_alike() -> None:
    register_shouting(connection.connection)
    expected = list(events().values_list("path", flat=True))
    assert expected[0].startswith("READ BY OWN TYPE")
    for private in (True, False):
        rows = events().values_list("path", flat=True).stream(chunk_size=SIZE, private=private)
        assert list(iter(rows)) == expected
    connection.close()


def register_shouting(driver_connection: Any) -> None:
    """Let varchar be read in a way of its own, on one connection of psycopg2 or psycopg 3."""
    if not hasattr(driver_connection, "set_session"):
        from psycopg.types.string import TextLoader

        class Shouting(TextLoader):
            def load(self, data: Any) -> str:
                return f"READ BY OWN TYPE {super().load(data)!r}"

        driver_connection.adapters.register_loader("varchar", Shouting)
    else:
        from psycopg2 import extensions

        own = extensions.new_type((1043,), "SHOUTING", lambda v, _: f"READ BY OWN TYPE {v!r}")
        extensions.register_type(own, driver_connection)


def test_a_stream_with_a_private_connection_forbidden_gives_the_same_rows(
    nothing_left_open: Leftovers,
) -> None:
    iterator = iter(stream(events(), chunk_size=SIZE, private=False))
    first = next(iterator)
    if connection.vendor in BACKENDS:
        assert backends() == nothing_left_open.before
    assert [first, *iterator] == list(events())


@server
def test_insisting_on_a_private_connection_inside_a_transaction_raises() -> None:

    with transaction.atomic(), pytest.raises(NotSupportedError, match="atomic"):
        next(iter(stream(events(), private=True)))


@pytest.mark.database("sqlite")
def test_insisting_on_a_private_connection_where_there_is_none_raises_at_the_call() -> None:

    with pytest.raises(NotSupportedError, match="private"):
        stream(events(), private=True)


@server
def test_whoever_watches_the_callers_queries_sees_those_of_a_private_connection() -> None:
    seen: list[str] = []

    def watch(execute: Any, sql: str, *args: Any) -> Any:
        seen.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(watch), CaptureQueriesContext(connection) as queries:
        iterator = iter(large())
        next(iterator)
    assert any(reads_events(sql) for sql in seen)
    assert any(reads_events(query["sql"]) for query in queries)
    assert len(list(iterator)) == ROWS - 1


def reads_events(sql: str) -> bool:
    return f"FROM {connection.ops.quote_name(Event._meta.db_table)}" in sql and "EXPLAIN" not in sql


@server
def test_too_many_clients_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.backends.base.base import BaseDatabaseWrapper

    def full(self: BaseDatabaseWrapper) -> None:
        raise OperationalError("too many clients already")

    monkeypatch.setattr(BaseDatabaseWrapper, "connect", full)
    assert list(iter(large())) == list(events())
