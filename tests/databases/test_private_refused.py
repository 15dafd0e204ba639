"""Where no private connection can be opened: who is told, and that nothing stays open."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.db import OperationalError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from chunkqs import stream
from chunkqs.databases.session import NoRoom, SessionMismatch
from tests.support.leftovers import Leftovers
from tests.support.private import create_table, open_for, run, second_alias

pytestmark = pytest.mark.database("postgresql", "mysql")

SQL = "SELECT id, note FROM refused_row WHERE id <> %s"


class RefusedRow(models.Model):
    """A row of the table."""

    note = models.CharField(max_length=40)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        app_label = "refused"
        db_table = "refused_row"
        managed = False


@pytest.fixture(scope="module")
def table(committed_db: None) -> Iterator[None]:
    create_table("refused_row", 10)
    yield
    run("DROP TABLE refused_row")


def test_there_is_none_inside_a_transaction(clean: BaseDatabaseWrapper) -> None:
    with transaction.atomic(), pytest.raises(SessionMismatch, match="in a transaction"):
        open_for(SQL, 0)


def test_there_is_none_without_autocommit(clean: BaseDatabaseWrapper) -> None:
    clean.set_autocommit(False)
    try:
        with pytest.raises(SessionMismatch, match="in a transaction"):
            open_for(SQL, 0)
    finally:
        clean.rollback()
        clean.set_autocommit(True)


def test_there_is_none_inside_a_transaction_begun_by_hand(clean: BaseDatabaseWrapper) -> None:
    run("START TRANSACTION")
    try:
        with pytest.raises(SessionMismatch, match="begun a transaction"):
            open_for(SQL, 0)
    finally:
        run("ROLLBACK")


def test_the_reason_for_none_is_logged(
    clean: BaseDatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chunkqs")
    with transaction.atomic(), pytest.raises(SessionMismatch):
        open_for(SQL, 0)
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
    with pytest.raises(NoRoom, match="chunkqs_limited"):
        open_for(SQL, 0, alias=limited)
    assert "the database or its pool has no further connection" in caplog.text


def test_a_server_without_room_is_heard_where_the_caller_insists(
    limited: str, nothing_left_open: Leftovers
) -> None:
    with pytest.raises(OperationalError, match="chunkqs_limited"):
        list(stream(RefusedRow.objects.using(limited), private=True))
