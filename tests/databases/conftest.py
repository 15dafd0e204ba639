"""The caller's connection, for tests of what is opened beside it.

Each module has a table of its own, by a fixture `table`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support.leftovers import Leftovers


@pytest.fixture
def caller(table: None) -> Iterator[BaseDatabaseWrapper]:
    """Yield the caller's connection in a session of its own."""
    connection = connections["default"]
    connection.close()
    connection.ensure_connection()
    yield connection
    connection.close()


@pytest.fixture
def clean(caller: BaseDatabaseWrapper, nothing_left_open: Leftovers) -> BaseDatabaseWrapper:
    """Yield the caller's connection, and fail when anything else stays open."""
    return caller
