"""Which database the session runs on, and which tests are for it.

`@pytest.mark.database("postgresql", "mysql")` names the vendors that a test is
for, `@pytest.mark.django(6, 1)` the oldest Django, `@pytest.mark.pgbouncer` the
need of that program. What is not for this session is deselected, and the
summary says how many tests that were, and why.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.db import connections
from django.db.models import Model

from tests.settings import database
from tests.support import celery

EMBEDDED_FOLDER = Path(__file__).parents[2] / ".postgres"
VENDORS = {"postgresql": "PostgreSQL", "mysql": "MariaDB or MySQL", "sqlite": "SQLite"}
LOCK_SECONDS = 5
NOT_RUN: pytest.StashKey[Counter[str]] = pytest.StashKey()


def vendor() -> str:
    """Name the kind of database, without a connection to it."""
    return connections["default"].vendor


@contextmanager
def embedded_postgresql() -> Iterator[None]:
    """Point the settings at the embedded PostgreSQL while the block runs."""
    from tools import embedded_postgres as embedded

    os.environ["DATABASE_URL"] = url = embedded.database_url(EMBEDDED_FOLDER)
    try:
        for config in settings.DATABASES.values():
            config.update({k: v for k, v in database(url).items() if k != "TEST"})
        yield
    finally:
        connections.close_all()
        del os.environ["DATABASE_URL"]
        embedded.stop(EMBEDDED_FOLDER)


def set_up_sessions() -> None:
    """Let a statement fail that waits for a lock, and no commit wait for the disk.

    A failed test may hold a stream, and so its transaction, until the session ends: the
    others shall not hang. No test looks at what a crash of the server leaves.
    """
    connection = connections["default"]
    if connection.vendor == "postgresql":
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '{LOCK_SECONDS}s'")
            cursor.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        connection.close()


ANALYZE = {
    "postgresql": "VACUUM ANALYZE {}",
    "mysql": "ANALYZE TABLE {} PERSISTENT FOR ALL",
    "sqlite": "ANALYZE {}",
}


def analyze(*models: type[Model]) -> None:
    """Give the planner the statistics of committed tables."""
    with connections["default"].cursor() as cursor:
        for model in models:
            cursor.execute(ANALYZE[vendor()].format(model._meta.db_table))


def reason_against(item: pytest.Item) -> str | None:
    """Say why a test is not for this session, or None when it is."""
    vendors = {name for mark in item.iter_markers("database") for name in mark.args}
    if unknown := vendors - VENDORS.keys():
        raise pytest.UsageError(f"{item.nodeid}: no such database: {', '.join(sorted(unknown))}")
    if vendors and vendor() not in vendors:
        return "for " + ", ".join(VENDORS[name] for name in sorted(vendors))
    for mark in item.iter_markers("django"):
        if mark.args > django.VERSION:
            return f"for Django {'.'.join(map(str, mark.args))} and newer"
    if item.get_closest_marker("celery") and not celery.is_installed():
        return "for Celery, which is not installed"
    if item.get_closest_marker("pgbouncer"):
        return reason_against_pgbouncer()
    return None


def reason_against_pgbouncer() -> str | None:
    if vendor() != "postgresql":
        return "for PostgreSQL behind pgbouncer"
    if settings.USES_EMBEDDED:
        return "for pgbouncer, which needs a PostgreSQL server in DATABASE_URL"
    if shutil.which("pgbouncer", path=PROGRAMS) is None:
        return "for pgbouncer, which is not installed"
    return None


#: pgbouncer is often installed where only root's PATH leads to.
PROGRAMS = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests that are not for this session out of `items`, and remember why."""
    reasons = {item: reason for item in items if (reason := reason_against(item))}
    config.stash[NOT_RUN] = Counter(reasons.values())
    if reasons:
        config.hook.pytest_deselected(items=list(reasons))
        items[:] = [item for item in items if item not in reasons]


def summarize(config: pytest.Config, terminal: pytest.TerminalReporter) -> None:
    """Say what the session ran on, and what it left out."""
    database = "embedded PostgreSQL" if settings.USES_EMBEDDED else VENDORS[vendor()]
    terminal.write_sep("-", f"database: {database}, Django {django.__version__}")
    for reason, count in sorted(config.stash.get(NOT_RUN, Counter()).items()):
        terminal.write_line(f"not run here: {count} tests {reason}")
