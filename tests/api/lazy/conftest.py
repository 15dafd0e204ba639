"""Rows for each test."""

from __future__ import annotations

import pytest

from tests.api.lazy.walks import ROWS
from tests.support.models import Event
from tests.support.rows import make


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)
