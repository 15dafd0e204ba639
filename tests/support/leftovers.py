"""What a test may have left open on the database server."""

from __future__ import annotations

import time

from django.db import connections

#: The server takes a moment to notice that a client has gone.
PATIENCE_SECONDS = 5.0

BACKENDS = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend'"
    ),
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = DATABASE()",
}


def open_cursors(alias: str = "default") -> list[str]:
    """Name the server-side cursors that are open in the session of `alias`."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT name FROM pg_cursors WHERE name <> ''")
        return [name for (name,) in cursor.fetchall()]


def backends(alias: str = "default") -> set[int]:
    """Number the sessions that are open on the test database, the asking one among them."""
    with connections[alias].cursor() as cursor:
        cursor.execute(BACKENDS[connections[alias].vendor])
        return {number for (number,) in cursor.fetchall()}


class Leftovers:
    """Compares what is open on the server with what was open at the start.

    SQLite has no server on which something could stay open: nothing is looked at there.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.vendor = connections[alias].vendor
        self.before = backends(alias) if self.vendor in BACKENDS else set()

    def check(self) -> None:
        if self.vendor == "postgresql":
            assert open_cursors(self.alias) == []
        if self.vendor in BACKENDS:
            assert self.new_backends() == set()

    def new_now(self) -> set[int]:
        """Number the sessions that were opened since and are open now."""
        return backends(self.alias) - self.before

    def new_backends(self) -> set[int]:
        """Number the sessions that were opened since, and stay open."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (new := backends(self.alias) - self.before) and time.monotonic() < until:
            time.sleep(0.02)
        return new
