"""Database engines of other packages: a stream starts at once, and gives everything back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import override_settings

from chunkqs import stream
from tests.support.databases import vendor
from tests.support.leftovers import Leftovers, backends
from tests.support.models import Event
from tests.support.private import run, second_alias
from tests.support.rows import make

#: More than any first chunk.
ROWS = 2500

PSYCOPG = "psycopg3" if connections["default"].Database.__name__ == "psycopg" else "psycopg2"
GEVENTPOOL = f"django_db_geventpool.backends.postgresql_{PSYCOPG}"
#: Engines that chunkqs knows without being told.
ENGINES = {
    "postgresql": [
        "django_prometheus.db.backends.postgresql",
        "psqlextra.backend",
        GEVENTPOOL,
    ],
    "mysql": ["django_prometheus.db.backends.mysql"],
}


@pytest.fixture(scope="module")
def rows(committed_db: None) -> None:
    make(Event, ROWS)
    run("ANALYZE tests_event" if vendor() == "postgresql" else "ANALYZE TABLE tests_event")


@pytest.fixture
def other(request: pytest.FixtureRequest, rows: None) -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection by another package's engine, where that fits the driver in use."""
    engine = request.param
    pytest.importorskip(engine.partition(".")[0])
    options = {"MAX_CONNS": 3} if engine == GEVENTPOOL else {}
    with second_alias(ENGINE=engine, OPTIONS=options) as connection:
        connection.ensure_connection()
        yield connection
        connection.close()
        if engine == GEVENTPOOL:
            connection.closeall()


by_every_engine = pytest.mark.parametrize("other", ENGINES.get(vendor(), ()), indirect=True)


@by_every_engine
@pytest.mark.database("postgresql", "mysql")
def test_a_stream_reads_on_a_private_connection(other: BaseDatabaseWrapper) -> None:
    leftovers = Leftovers("default")
    with stream(Event.objects.using(other.alias), private=True) as rows:
        iterator = iter(rows)
        seen = [next(iterator).pk]
        assert len(backends() - leftovers.before) == 1
        assert Event.objects.using(other.alias).filter(pk=seen[0]).update(kind="seen") == 1
        seen += [event.pk for event in iterator]
    assert len(set(seen)) == ROWS


@by_every_engine
@pytest.mark.database("postgresql", "mysql")
def test_a_stream_takes_that_way_by_itself(
    other: BaseDatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chunkqs")
    assert len(list(iter(stream(Event.objects.using(other.alias))))) == ROWS
    assert "A private connection for 'second'" in caplog.text


@by_every_engine
@pytest.mark.database("postgresql", "mysql")
def test_a_connection_that_goes_back_is_as_it_was(other: BaseDatabaseWrapper) -> None:
    event = Event.objects.using(other.alias).first()
    for _ in range(5):
        for row in stream(Event.objects.using(other.alias), private=True):
            assert row.pk
            break
    other.close()
    for _ in range(3):
        assert event is not None
        event.save(using=other.alias)
        other.close()


@pytest.mark.database("postgresql")
def test_an_exhausted_pool_of_gevents_keeps_the_stream_where_it_is(
    rows: None, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("django_db_geventpool")
    caplog.set_level(logging.DEBUG, "chunkqs")
    with second_alias(ENGINE=GEVENTPOOL, OPTIONS={"MAX_CONNS": 1}) as connection:
        connection._connection_pools.pop("second", None)
        assert len(list(iter(stream(Event.objects.using("second"))))) == ROWS
        assert "no connection to spare" in caplog.text
        connection.close()
        connection.closeall()
        connection._connection_pools.pop("second", None)


@pytest.mark.database("postgresql")
def test_tenants_are_not_vouched_for_by_an_engine_on_top_of_theirs(rows: None) -> None:
    pytest.importorskip("django_tenants", exc_type=ImportError)
    with second_alias(ENGINE="django_tenants.postgresql_backend") as connection:
        from chunkqs.databases.known_engines import refuse_unknown_engine
        from chunkqs.databases.session import SessionMismatch

        with pytest.raises(SessionMismatch, match="_cursor"):
            refuse_unknown_engine(connection)
        with override_settings(CHUNKQS={"TRUSTED_ENGINES": ["django_tenants.postgresql_backend"]}):
            refuse_unknown_engine(connection)
