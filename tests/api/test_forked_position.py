"""Where a walk stands in a process that was forked in the middle of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from chunkqs import keyset_iter
from tests.support.models import Event
from tests.support.rows import make

ROWS = 300
SIZE = 20
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("taken", [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE])
@pytest.mark.parametrize(
    "queryset", [Event.objects.all, lambda: Event.objects.values_list("pk")], ids=["rows", "values"]
)
def test_a_forked_child_goes_on_from_where_its_parent_was(
    queryset: Callable[[], Any], taken: int
) -> None:
    rows = keyset_iter(queryset().order_by("pk"), chunk_size=SIZE)
    iterator = iter(rows)
    for _ in range(taken):
        next(iterator)
    position = rows.position
    child = os.fork()
    if child == 0:
        os._exit(0 if rows.position == position else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert rows.position == position
    assert len(list(iterator)) == ROWS - taken
