"""Rows for each test."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.sources.streams.walks import ROWS
from tests.support.models import Event
from tests.support.rows import make


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Event._meta.db_table}")
