"""The database servers to measure on, and the databases there: one for each size of table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tools import embedded_postgres

#: What is generated stays here for the next run. Ignored by git.
FOLDER = Path(__file__).resolve().parent / ".data"
VENDORS = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mysql",
    "sqlite": "sqlite",
}
DRIVERS = {
    "postgresql": ("psycopg2", "psycopg"),
    "mysql": ("mysqlclient",),
    "sqlite": ("sqlite3",),
}


@dataclass(frozen=True)
class Server:
    """A server that was named by URL, or the embedded one."""

    vendor: str
    named: str | None = None

    def url(self, rows: int) -> str:
        """Return the URL of the database whose table of events has this many rows."""
        name = f"chunkqs_bench_{rows}"
        if self.vendor == "sqlite":
            return f"sqlite:///{FOLDER / name}.sqlite3"
        if self.named is None:
            return embedded_postgres.database_url(FOLDER / "postgres", name)
        return urlsplit(self.named)._replace(path=f"/{name}").geturl()


def servers() -> list[Server]:
    """Return the servers of BENCH_DATABASE_URLS or TEST_DATABASE_URLS, one of a kind.

    The embedded PostgreSQL stands in where none is named, and SQLite needs no server.
    """
    FOLDER.mkdir(exist_ok=True)
    named = {server.vendor: server for server in reversed(list(_named()))}
    found = {"postgresql": Server("postgresql"), "sqlite": Server("sqlite"), **named}
    postgresql = found.pop("postgresql")
    return [postgresql, *sorted(found.values(), key=lambda server: server.vendor)]


def _named() -> Iterator[Server]:
    environment = os.environ
    urls = environment.get("BENCH_DATABASE_URLS") or environment.get("TEST_DATABASE_URLS", "")
    for url in urls.split():
        yield Server(VENDORS[url.split(":")[0]], url)
