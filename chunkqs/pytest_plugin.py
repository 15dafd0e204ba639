"""The plugin that pytest finds by itself: ends the walks of a test before the flush."""

from __future__ import annotations

import sys
from typing import Any

import pytest

#: Fixtures of pytest-django after which the tables are flushed.
COMMITTING = {"transactional_db", "live_server", "django_db_reset_sequences"}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """End what the test has left open, where its rows were committed."""
    if "chunkqs.walks.walk" in sys.modules and _commits(item):
        from .testing import close_all

        close_all()


def _commits(item: Any) -> bool:
    """Return whether a test's rows are really committed, so that a flush follows."""
    from django.test import TestCase, TransactionTestCase

    kind = getattr(item, "cls", None)
    if isinstance(kind, type) and issubclass(kind, TransactionTestCase):
        return not issubclass(kind, TestCase)
    marks = any(mark.kwargs.get("transaction") for mark in item.iter_markers("django_db"))
    return marks or not COMMITTING.isdisjoint(getattr(item, "fixturenames", ()))
