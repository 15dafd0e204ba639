"""Rows to work on, and a look at what is left after each test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from multiprocessing import active_children

import pytest

from tests.support.leftovers import Leftovers
from tests.support.models import Event
from tests.support.rows import make


@pytest.fixture(scope="module")
def events(committed_db: None) -> None:
    make(Event, 300)


@pytest.fixture
def nothing_left(events: None, nothing_left_open: Leftovers) -> Iterator[None]:
    """Fail a test that leaves a process, a connection or an exported snapshot."""
    yield
    # Locks of a pool that an error's traceback still holds must not be collected while another one
    # starts: Python 3.13 warns that its resource tracker is not reentrant.
    gc.collect()
    assert active_children() == []
