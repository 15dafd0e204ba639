"""Tables of rows that are really committed, for the tests of private connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from chunkqs.databases import database_of
from chunkqs.databases.private_connection import PrivateConnection, open_private
from chunkqs.django_internals.compiler import Statement

#: More than any first chunk.
MANY = 20_000
NUMBERS = {
    "postgresql": "SELECT i, 'row ' || i FROM generate_series(1, {count}) AS numbers(i)",
    "mysql": (
        "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers"
        " WHERE i < {count}) SELECT i, CONCAT('row ', i) FROM numbers"
    ),
}


def run(*statements: str, alias: str = "default") -> list[Any]:
    """Run statements one after the other; return the rows of the last."""
    with connections[alias].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def create_table(name: str, count: int) -> None:
    """Make a table of numbered rows."""
    run(f"CREATE TABLE {name} (id integer PRIMARY KEY, note varchar(40) NOT NULL)")
    fill(name, count)


def fill(name: str, count: int) -> None:
    vendor = connections["default"].vendor
    limit = f"SET max_recursive_iterations = {count + 1}"
    if vendor == "mysql" and connections["default"].mysql_is_mariadb:  # type: ignore[attr-defined]
        run(limit)
    run(f"INSERT INTO {name} (id, note) {NUMBERS[vendor].format(count=count)}")
    run(f"ANALYZE {name}" if vendor == "postgresql" else f"ANALYZE TABLE {name}")


def open_for(sql: str, *params: Any, alias: str = "default") -> PrivateConnection:
    """Open a private connection for a statement, as stream() would."""
    connection = connections[alias]
    statement = Statement(sql, params)
    explanation = database_of(connection).explain(statement)
    return open_private(connection, statement, explanation)


def executed(private: PrivateConnection, sql: str, *params: Any) -> Any:
    cursor = private.cursor()
    cursor.execute(sql, params)
    return cursor


@contextmanager
def second_alias(**changes: Any) -> Iterator[BaseDatabaseWrapper]:
    """Yield another connection to the test database, with other settings."""
    connections.settings["second"] = {**connections["default"].settings_dict, **changes}
    try:
        yield connections["second"]
    finally:
        connections["second"].close()
        del connections["second"], connections.settings["second"]
