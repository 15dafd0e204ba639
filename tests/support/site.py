"""A database of its own for the example site, whose tables have the names of some of the tests'."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection, connections

ALIAS = "site"
CREATE = {
    "postgresql": "CREATE DATABASE {} TEMPLATE template0",
    "mysql": "CREATE DATABASE {} CHARACTER SET utf8mb4",
}


@contextmanager
def site_database() -> Iterator[str]:
    """Yield the URL of an empty database, which the alias "site" leads to as well."""
    name = Path(f"{connection.settings_dict['NAME']}_site")
    _drop(name)
    if connection.vendor in CREATE:
        _execute(CREATE[connection.vendor], name)
    connections.settings[ALIAS] = {**connection.settings_dict, "NAME": str(name)}
    url = urlsplit(os.environ["DATABASE_URL"])
    try:
        yield url._replace(path=str(Path(url.path).with_name(name.name))).geturl()
    finally:
        connections[ALIAS].close()
        del connections[ALIAS], connections.settings[ALIAS]
        _drop(name)


def _drop(name: Path) -> None:
    if connection.vendor in CREATE:
        _execute("DROP DATABASE IF EXISTS {}", name)
    else:
        name.unlink(missing_ok=True)


def _execute(statement: str, name: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(connection.ops.quote_name(str(name))))
