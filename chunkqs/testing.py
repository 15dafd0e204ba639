"""For your own tests: end the walks that a test has left open before the next test.

A failed test's traceback keeps its local variables alive, and with them perhaps the iterator of a
stream: an open transaction that the flush after a transactional test would wait for. With pytest
there is nothing to do: a plugin that pytest finds by itself calls `close_all()` after each test
that commits. For other runners there is `ClosesWalks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .walks.walk import WALKS

if TYPE_CHECKING:
    from django.test import TransactionTestCase as Base
else:
    Base = object


def close_all() -> None:
    """End every walk of this process, with its cursor and private connection. No query.

    An iterator that is still held raises StreamInterrupted at its next row.
    """
    for walk in list(WALKS):
        walk.close()


class ClosesWalks(Base):
    """A mixin for `TransactionTestCase`: ends the walks of a test before Django flushes."""

    def setUp(self) -> None:
        """Register the end of the walks: after `tearDown()`, and before the flush."""
        super().setUp()
        self.addCleanup(close_all)
