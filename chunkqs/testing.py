"""What tests of your own need: walks that a test has left are ended before the next one.

A failed test is kept, with its local variables, and so may be an iterator of a stream in it: a
transaction that is still open, which the flush after a transactional test would wait for. With
pytest nothing is to be done: a plugin that pytest finds by itself calls `close_all()` after each
test of a committing kind. For other runners there is `ClosesWalks`.
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

    An iterator that is still held raises StreamInterrupted when it is asked for more.
    """
    for walk in list(WALKS):
        walk.close()


class ClosesWalks(Base):
    """A mixin for `TransactionTestCase`: ends the walks of a test before Django flushes."""

    def setUp(self) -> None:
        """Have the walks ended after `tearDown()`, and before the flush."""
        super().setUp()
        self.addCleanup(close_all)
