"""Walks that a test has left open, and the flush that comes after it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase

from chunkqs import StreamInterrupted, stream
from chunkqs.testing import ClosesWalks, close_all
from tests.support.leftovers import Leftovers
from tests.support.models import Event
from tests.support.rows import make

HELD: list[Any] = []


@pytest.mark.django_db(transaction=True)
def test_close_all_ends_every_walk(nothing_left_open: Leftovers) -> None:
    make(Event, 60)
    held = [iter(stream(Event.objects.order_by("pk"), chunk_size=7)) for _ in range(3)]
    for iterator in held:
        next(iterator)
    close_all()
    nothing_left_open.check()
    for iterator in held:
        with pytest.raises(StreamInterrupted):
            next(iterator)


class Left(ClosesWalks, TransactionTestCase):
    """Its flush would wait for the stream that the test holds."""

    def test_a_stream_that_is_held_does_not_stop_the_flush(self) -> None:
        make(Event, 60)
        HELD.append(iter(stream(Event.objects.order_by("pk"), chunk_size=7)))
        next(HELD[-1])

    def _fixture_teardown(self) -> None:
        began = time.monotonic()
        super()._fixture_teardown()  # type: ignore[misc]
        assert time.monotonic() - began < 4


@pytest.mark.django_db(transaction=True)
def test_a_plain_test_that_holds_a_stream_is_flushed_too() -> None:
    """The plugin ends it: with a lock timeout the flush would fail otherwise."""
    make(Event, 60)
    HELD.append(iter(stream(Event.objects.order_by("pk"), chunk_size=7)))
    next(HELD[-1])
    assert connection.alias == "default"
