"""Behind a pooler with one server connection a stream leaves it to the loop's own queries."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator

import pytest
from django.db import connections

from chunkqs import SlowStartWarning, stream
from chunkqs.databases.session import NoRoom
from chunkqs.sources import slow_start_warning
from tests.support.models import Event
from tests.support.pgbouncer import Pgbouncer
from tests.support.private import open_for, run, second_alias
from tests.support.rows import make

pytestmark = [pytest.mark.database("postgresql"), pytest.mark.pgbouncer]

#: More than any first chunk.
ROWS = 2500
SQL = "SELECT id FROM tests_event"


@pytest.fixture(scope="module")
def rows(committed_db: None) -> None:
    make(Event, ROWS)
    run("ANALYZE tests_event")
    connections["default"].close()


def pooled(pool_size: int) -> Iterator[str]:
    settings_dict = connections["default"].settings_dict
    with (
        Pgbouncer.running(settings_dict, pool_size) as server,
        second_alias(**server.address, DISABLE_SERVER_SIDE_CURSORS=True) as connection,
    ):
        yield connection.alias


@pytest.fixture
def pool_of_one(rows: None) -> Iterator[str]:
    """Yield the alias of a connection behind a pgbouncer with one server connection."""
    yield from pooled(1)


@pytest.fixture
def pool_of_two(rows: None) -> Iterator[str]:
    """Yield the alias of a connection behind a pgbouncer with two server connections."""
    yield from pooled(2)


def test_a_pool_of_one_has_no_room_for_a_private_connection(pool_of_one: str) -> None:
    began = time.monotonic()
    with pytest.raises(NoRoom, match="no second server connection"):
        open_for(SQL, alias=pool_of_one)
    assert time.monotonic() - began < 10
    assert len(run(SQL, alias=pool_of_one)) == ROWS


def test_a_loop_that_queries_does_not_wait_for_its_own_stream(pool_of_one: str) -> None:
    slow_start_warning.forget()
    seen = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SlowStartWarning)
        for event in stream(Event.objects.using(pool_of_one)):
            if seen < 10:
                assert Event.objects.using(pool_of_one).filter(pk=event.pk).exists()
            seen += 1
    assert seen == ROWS
    (one,) = [one for one in caught if one.category is SlowStartWarning]
    assert "default_pool_size" in str(one.message)


def test_a_pool_of_two_has_room_for_one(pool_of_two: str) -> None:
    private = open_for(SQL, alias=pool_of_two)
    assert len(run(SQL, alias=pool_of_two)) == ROWS
    private.close()
