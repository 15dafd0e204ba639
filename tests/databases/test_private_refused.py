"""Where no private connection can be opened: who is told, and that nothing stays open."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.db import NotSupportedError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support.leftovers import Leftovers
from tests.support.private import create_table, opening, run, second_alias

pytestmark = pytest.mark.database("postgresql", "mysql")

SQL = "SELECT id, note FROM refused_row WHERE id <> %s"


@pytest.fixture(scope="module")
def table(committed_db: None) -> Iterator[None]:
    create_table("refused_row", 10)
    yield
    run("DROP TABLE refused_row")


@pytest.fixture
def caller(table: None) -> Iterator[BaseDatabaseWrapper]:
    """Yield the caller's connection in a session of its own."""
    connection = connections["default"]
    connection.close()
    connection.ensure_connection()
    yield connection
    connection.close()


@pytest.fixture
def clean(caller: BaseDatabaseWrapper, nothing_left_open: Leftovers) -> BaseDatabaseWrapper:
    """Yield the caller's connection, and fail when anything else stays open."""
    return caller


def test_there_is_none_inside_a_transaction(clean: BaseDatabaseWrapper) -> None:
    with transaction.atomic():
        assert opening(SQL, 0) is None
        with pytest.raises(NotSupportedError, match="in a transaction"):
            opening(SQL, 0, insist=True)


def test_there_is_none_without_autocommit(clean: BaseDatabaseWrapper) -> None:
    clean.set_autocommit(False)
    try:
        assert opening(SQL, 0) is None
    finally:
        clean.rollback()
        clean.set_autocommit(True)


def test_there_is_none_inside_a_transaction_begun_by_hand(clean: BaseDatabaseWrapper) -> None:
    run("START TRANSACTION")
    try:
        with pytest.raises(NotSupportedError, match="begun a transaction"):
            opening(SQL, 0, insist=True)
    finally:
        run("ROLLBACK")


def test_there_is_none_for_a_backend_of_someone_elses(clean: BaseDatabaseWrapper) -> None:
    class DatabaseWrapper(type(clean)):  # type: ignore[misc]
        pass

    clean.__class__ = DatabaseWrapper
    try:
        with pytest.raises(NotSupportedError, match=r"DatabaseWrapper may set up its connections"):
            opening(SQL, 0, insist=True)
    finally:
        clean.__class__ = DatabaseWrapper.__base__


def test_the_reason_for_none_is_logged(
    clean: BaseDatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chunkqs")
    with transaction.atomic():
        opening(SQL, 0)
    assert "No private connection for 'default': the caller is in a transaction" in caplog.text


LIMITED = {
    "postgresql": (
        ["CREATE ROLE chunkqs_limited LOGIN PASSWORD 'secret' CONNECTION LIMIT 1",
         "GRANT SELECT ON refused_row TO chunkqs_limited"],
        ["DROP OWNED BY chunkqs_limited", "DROP ROLE chunkqs_limited"],
    ),
    "mysql": (
        ["CREATE USER chunkqs_limited IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1",
         "GRANT SELECT ON refused_row TO chunkqs_limited"],
        ["DROP USER chunkqs_limited"],
    ),
}  # fmt: skip


@pytest.fixture
def limited(caller: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield the alias of a connection to a server that has no room for another one."""
    make, undo = LIMITED[caller.vendor]
    run(*make)
    try:
        with second_alias(USER="chunkqs_limited", PASSWORD="secret") as connection:
            connection.ensure_connection()
            yield connection.alias
    finally:
        run(*undo)


def test_a_server_without_room_means_none(
    limited: str, nothing_left_open: Leftovers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chunkqs")
    assert opening(SQL, 0, alias=limited) is None
    assert "Could not open a private connection" in caplog.text


def test_a_server_without_room_is_heard_where_the_caller_insists(
    limited: str, nothing_left_open: Leftovers
) -> None:
    with pytest.raises(OperationalError, match="chunkqs_limited"):
        opening(SQL, 0, alias=limited, insist=True)
