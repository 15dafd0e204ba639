"""Ctrl-C at random moments of a walk: no wrong row, nothing left open, the connection usable."""

from __future__ import annotations

import gc
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import override_settings

from chunkqs import chunks, keyset_iter, stream
from chunkqs.databases.private_limit import places
from tests.support.leftovers import BACKENDS, PATIENCE_SECONDS, backends
from tests.support.models import Event
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 2000
INTERRUPTS = 12

Walk = Callable[[], Iterable[Event]]
WALKS: dict[str, Walk] = {
    "stream": lambda: stream(Event.objects.order_by("pk"), chunk_size=100),
    "keyset_iter": lambda: keyset_iter(Event.objects.order_by("pk"), chunk_size=100),
    "chunks": lambda: chain.from_iterable(chunks(Event.objects.order_by("pk"), 100)),
}
AROUND: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "autocommit": nullcontext,
    "atomic": transaction.atomic,
}


class SoftTimeLimit(Exception):
    """What a task queue raises out of a signal."""


def interrupt(number: int, frame: object) -> None:
    raise random.choice([KeyboardInterrupt, SoftTimeLimit])


@pytest.fixture(autouse=True)
def alarms(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the clock send what Ctrl-C does."""
    make(Event, ROWS)
    before = signal.signal(signal.SIGALRM, interrupt)
    # An interrupt that comes while something is dropped is lost: Python has nobody to tell.
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: None)
    yield
    signal.signal(signal.SIGALRM, before)


def sessions() -> int:
    return len(backends()) if connection.vendor in BACKENDS else 0


def walk_until(
    seconds: float, walk: Walk, around: Callable[[], AbstractContextManager[Any]]
) -> list[int]:
    """Return the keys that a loop got before it was interrupted."""
    seen: list[int] = []
    try:
        with around():
            signal.setitimer(signal.ITIMER_REAL, seconds)
            for row in walk():
                seen.append(row.pk)
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (KeyboardInterrupt, SoftTimeLimit):
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return seen


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", WALKS)
def test_a_walk_that_is_interrupted_leaves_nothing_behind(name: str, around: str) -> None:
    before = sessions()
    keys = list(Event.objects.order_by("pk").values_list("pk", flat=True))
    began = time.perf_counter()
    assert walk_until(60, WALKS[name], AROUND[around]) == keys
    duration = time.perf_counter() - began
    moments = random.Random(7)
    for _ in range(INTERRUPTS):
        seconds = max(1e-5, moments.random() * duration)
        seen = walk_until(seconds, WALKS[name], AROUND[around])
        assert seen == keys[: len(seen)]
        gc.collect()
        assert Event.objects.count() == ROWS
    # The caller's own may be another one than before.
    until = time.monotonic() + PATIENCE_SECONDS
    while sessions() > before and time.monotonic() < until:
        time.sleep(0.02)
    assert sessions() == before
    with override_settings(CHUNKQS={"MAX_PRIVATE_CONNECTIONS": 1}):
        assert places.take(connection.alias)
