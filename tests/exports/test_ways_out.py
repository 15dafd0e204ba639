"""An export that is left, interrupted or interleaved leaves nothing behind and loses nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, connections, transaction
from django.db.models import FloatField
from django.db.models.expressions import RawSQL
from django.test.utils import CaptureQueriesContext

from chunkqs import StreamInterrupted, keyset_iter, stream
from chunkqs.export import Export
from tests.support.leftovers import Leftovers, backends
from tests.support.models import User

pytestmark = [pytest.mark.django_db(transaction=True)]
postgresql = pytest.mark.database("postgresql")

#: Several parts of 64 KiB.
ROWS = 20_000


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    User.objects.bulk_create(
        (User(name=f"user number {n}", email=f"user{n}@example.com") for n in range(ROWS)),
        batch_size=5000,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {User._meta.db_table}")


def export() -> Export:
    return stream(User.objects.order_by("pk")).csv()


def whole() -> bytes:
    return b"".join(keyset_iter(User.objects.order_by("pk")).csv())


def exhausted() -> None:
    assert b"".join(export()).count(b"\n") == ROWS + 1


def broken_off() -> None:
    for number, _ in enumerate(export()):
        if number == 2:
            break


def failed() -> None:
    with pytest.raises(ZeroDivisionError):
        for number, _ in enumerate(export()):
            if number == 2:
                raise ZeroDivisionError


def closed() -> None:
    parts = export()
    iterator = iter(parts)
    next(iterator), next(iterator)
    parts.close()
    with pytest.raises(StreamInterrupted):
        next(iterator)


def dropped() -> None:
    gc.disable()
    try:
        iterator = iter(export())
        next(iterator), next(iterator)
        del iterator
    finally:
        gc.enable()


def head_alone() -> None:
    assert next(iter(export())) == b"id,name,email,active\n"


def asynchronous() -> None:
    async def run() -> None:
        number = 0
        async for _ in export():
            number += 1
            if number == 3:
                break
        await sync_to_async(connections.close_all)()

    asyncio.run(run())


WAYS_OUT = [exhausted, broken_off, failed, closed, dropped, head_alone, asynchronous]


@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_nothing_is_left_open_in_autocommit(
    way_out: Callable[[], None], nothing_left_open: Leftovers
) -> None:
    way_out()
    nothing_left_open.check()


@pytest.mark.parametrize("way_out", [way for way in WAYS_OUT if way is not asynchronous])
def test_a_transaction_goes_on_after_every_way_out(
    way_out: Callable[[], None], nothing_left_open: Leftovers
) -> None:
    with transaction.atomic():
        User.objects.filter(name="user number 7").update(name="changed")
        way_out()
        assert User.objects.filter(name="changed").count() == 1
    assert User.objects.filter(name="changed").count() == 1
    assert connection.execute_wrappers == []
    nothing_left_open.check()


@pytest.mark.parametrize("way_out", [way for way in WAYS_OUT if way is not asynchronous])
def test_the_callers_connection_goes_on_in_autocommit(way_out: Callable[[], None]) -> None:
    global export
    before = export
    export = lambda: stream(User.objects.order_by("pk"), private=False).csv()  # noqa: E731
    try:
        way_out()
    finally:
        export = before
    assert User.objects.count() == ROWS
    assert connection.execute_wrappers == []


def test_an_async_export_is_the_same() -> None:
    async def run() -> bytes:
        parts = [part async for part in export()]
        await sync_to_async(connections.close_all)()
        return b"".join(parts)

    assert asyncio.run(run()) == whole()


def test_an_export_can_be_written_again() -> None:
    parts = export()
    assert b"".join(parts) == b"".join(parts) == whole()


@pytest.mark.parametrize("private", [None, False])
@pytest.mark.parametrize("in_atomic", [True, False])
def test_other_queries_between_the_parts_lose_nothing(
    private: bool | None, in_atomic: bool
) -> None:
    def run() -> list[bytes]:
        parts = []
        for part in stream(User.objects.order_by("pk"), private=private).csv():
            parts.append(part)
            User.objects.create(name="new", email="")
            User.objects.filter(name="new").delete()
        return parts

    expected = whole()
    if in_atomic:
        with transaction.atomic():
            parts = run()
    else:
        parts = run()
    assert b"".join(parts) == expected
    assert len(parts) > 5
    assert connection.execute_wrappers == []


def test_exports_in_one_transaction_may_be_nested() -> None:
    expected = whole()
    with transaction.atomic():
        inner: list[bytes] = []
        outer = []
        for number, part in enumerate(export()):
            outer.append(part)
            if number == 2:
                inner = list(export())
    assert b"".join(outer) == b"".join(inner) == expected


def test_a_savepoint_of_the_callers_may_be_rolled_back_between_the_parts() -> None:
    expected = whole()
    with transaction.atomic():
        parts = iter(export())
        read = [next(parts), next(parts)]
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            User.objects.create(name="new", email="")
            raise ZeroDivisionError
        read += parts
    assert b"".join(read) == expected


@postgresql
@pytest.mark.parametrize("outside", ["commit", "rollback"])
def test_an_export_that_outlives_its_transaction_is_interrupted(outside: str) -> None:
    parts: Any = None
    try:
        with transaction.atomic():
            parts = iter(export())
            next(parts), next(parts)
            if outside == "rollback":
                transaction.set_rollback(True)
    except OperationalError:
        pass  # psycopg 3 refuses to commit while the COPY goes on
    with pytest.raises(StreamInterrupted):
        list(parts)
    assert User.objects.count() == ROWS
    assert connection.execute_wrappers == []


@postgresql
def test_the_first_part_does_not_wait_for_the_last_row() -> None:
    slow = RawSQL("CASE WHEN id %% 5000 = 0 THEN pg_sleep(0.5)::text END", [])
    rows = stream(User.objects.order_by("pk").annotate(slow=slow))
    begin = time.monotonic()
    iterator = iter(rows.csv())
    next(iterator)
    assert time.monotonic() - begin < 0.1
    next(iterator)
    assert time.monotonic() - begin < 1.5
    iterator.close()  # type: ignore[attr-defined]


@postgresql
@pytest.mark.parametrize("in_atomic", [True, False])
def test_a_query_that_is_waited_for_is_cancelled_from_another_thread(in_atomic: bool) -> None:
    rows = stream(User.objects.annotate(slow=RawSQL("pg_sleep(0.01)::text", [])))
    before = backends()
    parts = rows.csv()
    timer = threading.Timer(1, parts.close)
    begin = time.monotonic()
    timer.start()
    with pytest.raises((OperationalError, StreamInterrupted)):
        if in_atomic:
            with transaction.atomic():
                list(parts)
        else:
            list(parts)
    assert time.monotonic() - begin < 3
    timer.join()
    assert backends() - before == set()


@postgresql
def test_an_error_in_the_middle_reaches_the_caller_after_the_parts_before_it() -> None:
    last = User.objects.latest("pk").pk
    wrong = RawSQL("1.0 / (id - %s)", [last], output_field=FloatField())
    queryset = User.objects.annotate(wrong=wrong).order_by("pk")
    for context in (transaction.atomic, None):
        parts: list[bytes] = []
        with pytest.raises(Exception, match="division by zero"):
            if context:
                with context():
                    parts.extend(stream(queryset).csv())
            else:
                for part in stream(queryset).csv():
                    parts.append(part)
        assert User.objects.count() == ROWS


@postgresql
@pytest.mark.parametrize("in_atomic", [True, False])
def test_a_reader_may_take_longer_than_the_statement_timeout(in_atomic: bool) -> None:
    expected = whole()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '400ms'")
    with transaction.atomic() if in_atomic else nullcontext():
        parts = []
        for part in export():
            parts.append(part)
            time.sleep(0.1)
    assert b"".join(parts) == expected
    connection.close()


@postgresql
def test_a_copy_is_watched_as_every_query_is() -> None:
    seen = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper), CaptureQueriesContext(connection) as queries:
        b"".join(export())
        with transaction.atomic():
            b"".join(export())
    assert sum(sql.startswith("COPY (") for sql in seen) == 2
    assert sum(query["sql"].startswith("COPY (") for query in queries) == 2
    assert connection.execute_wrappers == []
