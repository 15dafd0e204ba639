"""The next chunk is on its way while the caller works on this one."""

from __future__ import annotations

import time

import pytest
from django.db import DataError, connection
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

from chunkqs import stream
from chunkqs.read_ahead import is_worth_it
from tests.leftovers import Leftovers
from tests.models import Event
from tests.rows import make

ROWS = 300
SIZE = 50

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> list[int]:
    make(Event, ROWS)
    return list(Event.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("size", [1, 7, SIZE, None])
def test_rows_that_were_read_ahead_are_the_same(size: int | None) -> None:
    queryset = Event.objects.order_by("pk")
    assert list(iter(stream(queryset, chunk_size=size, private=True, read_ahead=True))) == list(
        queryset
    )


def test_an_error_reaches_the_caller_at_its_row(
    rows: list[int], nothing_left_open: Leftovers
) -> None:
    failing = RawSQL("1 / (id - %s)", [rows[2 * SIZE]], output_field=IntegerField())
    queryset = Event.objects.order_by("pk").annotate(quotient=failing)
    seen = []
    with pytest.raises(DataError):
        for event in stream(queryset, chunk_size=SIZE, private=True, read_ahead=True):
            seen.append(event.pk)
    assert seen == rows[: 2 * SIZE]


def test_leaving_does_not_wait_for_a_fetch_under_way(
    rows: list[int], nothing_left_open: Leftovers
) -> None:
    counting = "(SELECT count(*) FROM generate_series(1, 1000000000) AS number WHERE number > id)"
    slow = RawSQL(
        f"CASE WHEN id > %s THEN {counting} END", [rows[SIZE]], output_field=IntegerField()
    )
    queryset = Event.objects.order_by("pk").annotate(slow=slow)
    began = time.monotonic()
    for _ in stream(queryset, chunk_size=SIZE, private=True, read_ahead=True):
        time.sleep(0.1)
        break
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("host", "worth_it"),
    [("", False), ("/run/postgresql", False), ("localhost", False), ("db.example.com", True)],
)
def test_it_is_the_default_where_the_server_is_elsewhere(
    host: str, worth_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", host)
    assert is_worth_it(connection) is worth_it
