"""Faults in the middle of a walk: what they cost, and when they are the caller's."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func, IntegerField, Value

from chunkqs import chunks, keyset_iter
from chunkqs.sources import retries
from tests.support.models import Nullable, User
from tests.support.private import run
from tests.support.transient_errors import EVERY, kill, meeting, names

pytestmark = pytest.mark.usefixtures("numbered_users", "short_pauses")
KILLS = pytest.mark.database("postgresql", "mysql")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.01)


@KILLS
def test_a_killed_connection_costs_no_row(
    other_connection: BaseDatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    got = []
    for row in keyset_iter(User.objects.all(), chunk_size=10):
        got.append(row.name)
        if len(got) in (5, 15):
            kill(other_connection)
    assert got == EVERY
    messages = [record.getMessage() for record in caplog.records if record.name == "chunkqs"]
    assert len(messages) == 2
    assert all("tests.User: the connection was lost" in message for message in messages)
    assert all(record.levelno == logging.WARNING for record in caplog.records)


@KILLS
def test_chunks_of_a_walk_whose_connection_was_killed(
    other_connection: BaseDatabaseWrapper,
) -> None:
    got = []
    for chunk in chunks(User.objects.all(), 10):
        got.append(names(chunk))
        kill(other_connection)
    assert got == [EVERY[:10], EVERY[10:20], EVERY[20:]]


@KILLS
def test_a_connection_that_is_killed_while_prefetching(
    other_connection: BaseDatabaseWrapper,
) -> None:
    users = User.objects.prefetch_related("nullable_set")
    got: list[tuple[str, int]] = []

    def kill_after_the_first_chunk() -> None:
        if got:
            kill(other_connection)

    with meeting(kill_after_the_first_chunk, "tests_nullable", times=2):
        for user in keyset_iter(users, chunk_size=10):
            got.append((user.name, len(user.nullable_set.all())))
    assert got == [(name, 1) for name in EVERY]


@KILLS
def test_without_retries_the_error_goes_to_the_caller(
    other_connection: BaseDatabaseWrapper,
) -> None:
    rows = keyset_iter(User.objects.all(), chunk_size=10, retries=0)
    got = []
    with pytest.raises((OperationalError, InterfaceError)):
        for row in rows:
            got.append(row.name)
            if len(got) == 5:
                kill(other_connection)
    assert got == EVERY[:10]
    connection.close()
    rest = keyset_iter(User.objects.all(), after=rows.position)
    assert got + names(rest) == EVERY


@KILLS
def test_inside_a_transaction_the_error_goes_to_the_caller(
    other_connection: BaseDatabaseWrapper,
) -> None:
    rows = keyset_iter(User.objects.all(), chunk_size=10)
    got = []
    with pytest.raises((OperationalError, InterfaceError)), transaction.atomic():
        for row in rows:
            got.append(row.name)
            if len(got) == 5:
                kill(other_connection)
    assert got == EVERY[:10]
    assert names(keyset_iter(User.objects.all(), after=rows.position)) == EVERY[10:]


@KILLS
def test_without_autocommit_the_error_goes_to_the_caller(
    other_connection: BaseDatabaseWrapper,
) -> None:
    connection.set_autocommit(False)
    try:
        with pytest.raises((OperationalError, InterfaceError)):
            for _ in keyset_iter(User.objects.all(), chunk_size=10):
                kill(other_connection)
    finally:
        connection.close()


@KILLS
def test_after_the_last_retry_the_error_is_the_databases_own(
    other_connection: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = keyset_iter(User.objects.all(), chunk_size=10, retries=2)
    got = []
    with monkeypatch.context() as patch, pytest.raises(OperationalError) as error:
        for row in rows:
            got.append(row.name)
            if len(got) == 1:
                kill(other_connection)
                patch.setitem(connection.settings_dict, "PORT", "1")
    assert got == EVERY[:10]
    assert error.value.__cause__ is not None
    assert "Gave up after 2 retries" in error.value.__notes__[0]
    connection.close()
    assert names(keyset_iter(User.objects.all(), after=rows.position)) == EVERY[10:]


SLOWLY = {
    "postgresql": Func(Value(0.05), function="pg_sleep", output_field=CharField()),
    "mysql": Func(Value(0.05), function="SLEEP", output_field=IntegerField()),
}
TIMEOUT = {
    "postgresql": "SET statement_timeout = 250",
    "mysql": "SET max_statement_time = 0.25",
}


@KILLS
def test_a_timeout_is_met_with_smaller_chunks(caplog: pytest.LogCaptureFixture) -> None:
    queryset = User.objects.annotate(slept=SLOWLY[connection.vendor]).values_list("name", "slept")
    run(TIMEOUT[connection.vendor])
    got = [[name for name, _ in chunk] for chunk in chunks(queryset.order_by("pk"), 20)]
    assert sum(got, []) == EVERY
    assert 3 <= max(map(len, got)) <= 5
    assert "took longer than the database allows" in caplog.text


@pytest.mark.database("postgresql")
def test_a_query_that_someone_has_cancelled_is_not_repeated(
    other_connection: BaseDatabaseWrapper,
) -> None:
    ((number,),) = run("SELECT pg_backend_pid()")
    slowly = User.objects.annotate(slept=SLOWLY["postgresql"])
    cancel = in_a_thread(other_connection, f"SELECT pg_cancel_backend({number})")
    with cancel, pytest.raises(OperationalError, match="user request"):
        next(iter(keyset_iter(slowly, chunk_size=25)))


@contextmanager
def in_a_thread(other: BaseDatabaseWrapper, *statements: str, pause: float = 0.3) -> Iterator[None]:
    """Run statements on another connection, one after each pause, while the block runs."""

    def work() -> None:
        with other.cursor() as cursor:
            for statement in statements:
                time.sleep(pause)
                cursor.execute(statement)

    other.inc_thread_sharing()
    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        other.dec_thread_sharing()


@pytest.mark.database("postgresql")
def test_a_deadlock_costs_no_row(
    other_connection: BaseDatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    run("SET deadlock_timeout = '700ms'")
    run("SET deadlock_timeout = '10s'", "BEGIN", alias=other_connection.alias)
    rows = iter(keyset_iter(Nullable.objects.select_related("user"), chunk_size=10))
    got = [next(rows) for _ in range(10)]
    run("LOCK TABLE tests_user", alias=other_connection.alias)
    with in_a_thread(other_connection, "LOCK TABLE tests_nullable", "COMMIT"):
        got += rows
    assert [row.user and row.user.name for row in got] == EVERY
    assert "deadlock detected" in caplog.text


LOCK = {
    "postgresql": ["SET lock_timeout = 100", "BEGIN", "LOCK TABLE tests_user"],
    "mysql": ["SET lock_wait_timeout = 1", "LOCK TABLE tests_user WRITE"],
}
UNLOCK = {"postgresql": "COMMIT", "mysql": "UNLOCK TABLES"}


@KILLS
def test_a_lock_that_is_not_had_in_time_costs_no_row(
    other_connection: BaseDatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    patience, *lock = LOCK[connection.vendor]
    run(patience)
    rows = iter(keyset_iter(User.objects.all(), chunk_size=10, retries=30))
    got = [next(rows).name for _ in range(10)]
    run(*lock, alias=other_connection.alias)
    with in_a_thread(other_connection, UNLOCK[connection.vendor], pause=1.2):
        got += names(rows)
    assert got == EVERY
    assert "another transaction was in the way" in caplog.text


RAISE = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$",
    "mysql": "BEGIN NOT ATOMIC SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {}; END",
}
CONFLICTS = [
    pytest.param(code, marks=pytest.mark.database(vendor))
    for vendor, codes in {"postgresql": ["40001", "40P01"], "mysql": [1205, 1213]}.items()
    for code in codes
]


@pytest.mark.parametrize("code", CONFLICTS)
def test_a_conflict_is_the_callers_inside_a_transaction_alone(code: object) -> None:
    """A serialisation failure, on a replica a conflict with its recovery, a deadlock."""
    statement = RAISE[connection.vendor].format(code)
    with meeting(lambda: run(statement), "tests_user", times=3):
        assert names(keyset_iter(User.objects.all(), chunk_size=10)) == EVERY
    once = meeting(lambda: run(statement), "tests_user")
    with once, pytest.raises(OperationalError), transaction.atomic():
        names(keyset_iter(User.objects.all(), chunk_size=10))


@pytest.mark.parametrize("code", CONFLICTS)
def test_retries_are_counted_for_each_chunk(code: object) -> None:
    statement = RAISE[connection.vendor].format(code)
    rows = keyset_iter(User.objects.all(), chunk_size=10, retries=2, bounded=False)
    handed = iter(rows)
    for _ in range(2):
        with meeting(lambda: run(statement), "tests_user", times=2):
            for _ in range(10):
                next(handed)
    thrice = meeting(lambda: run(statement), "tests_user", times=3)
    with thrice, pytest.raises(OperationalError) as error:
        next(handed)
    assert "Gave up after 2 retries" in error.value.__notes__[0]
    assert names(keyset_iter(User.objects.all(), after=rows.position)) == EVERY[20:]


def test_an_error_that_does_not_pass_is_raised_at_once() -> None:
    once = meeting(lambda: run("SELECT no_such_column FROM tests_author"), "tests_user")
    with once, pytest.raises(DatabaseError, match="no.such.column"):
        names(keyset_iter(User.objects.all()))


@pytest.mark.parametrize("wrong", [True, "3", 1.0, None])
def test_retries_must_be_a_number(wrong: Any) -> None:
    with pytest.raises(TypeError, match="retries must be"):
        keyset_iter(User.objects.all(), retries=wrong)
    with pytest.raises(ValueError, match="retries must be 0 or more"):
        chunks(User.objects.all(), retries=-1)
