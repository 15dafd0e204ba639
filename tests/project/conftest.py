"""The example site with its events, for the tests of what is done with them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.site import site_database

TOP = Path(__file__).resolve().parents[2]
ROWS = 3000


@pytest.fixture(scope="module")
def events(committed_db: None) -> Iterator[dict[str, str]]:
    """Yield the environment in which the site uses a database of its own, with events."""
    manage = [sys.executable, str(TOP / "example_site" / "manage.py")]
    with site_database() as url:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "example_site.settings",
            "PYTHONPATH": str(TOP),
            "TERM": "dumb",
        }
        subprocess.run([*manage, "load_events", str(ROWS)], env=environment, check=True)
        yield environment
