"""Fills the tables of one database: ``python -m benchmarks.tables EVENTS WIDE LARGE``.

The rows are made up by the database itself. What is there already stays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import django
from django.core.management import call_command
from django.db import DatabaseError, connection, models

#: Rows that one statement inserts.
SLICE = 250_000
LARGE = {
    "postgresql": "repeat(md5(n::text), 32768)",
    "mysql": "repeat(md5(n), 32768)",
    "sqlite": "replace(hex(zeroblob(524288)), '0', substr(n || 'x', 1, 1))",
}
INSERT = """
INSERT INTO {table} ({names})
WITH {numbers}
SELECT {values} FROM (SELECT n, n * 2654435761 % 4294967296 AS h FROM numbers) AS hashed
"""


def fill(events: int, wide: int, large: int) -> None:
    """Make the tables hold this many rows at least."""
    from benchmarks.models import Large, Wide
    from example_site.events import generation
    from example_site.events.models import Event

    make_database()
    call_command("migrate", run_syncdb=True, verbosity=0)
    generation.insert_users(connection)
    insert = {Event: generation.insert_events, Wide: insert_wide, Large: insert_large}
    for model, rows in ((Event, events), (Wide, wide), (Large, large)):
        top_up(model, rows, insert[model])
    generation.finish(connection)
    vacuum(Wide, Large)


def make_database() -> None:
    """Make the database where the server has none of that name."""
    if connection.vendor == "sqlite":
        return
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    try:
        connection.ensure_connection()
    except DatabaseError:
        with connection._nodb_cursor() as cursor:  # as Django's test runner does
            cursor.execute(f"CREATE DATABASE {name}")


def top_up(model: type[models.Model], rows: int, insert: Callable[[Any, int, int], None]) -> None:
    found = model._default_manager.aggregate(last=models.Max("pk"))["last"] or 0
    for first in range(found + 1, rows + 1, SLICE):
        last = min(first + SLICE - 1, rows)
        print(f"  {model._meta.db_table}: {last:,} rows", flush=True)
        insert(connection, first, last)


def insert_wide(connection: Any, first: int, last: int) -> None:
    from benchmarks.models import BOOLEANS, INTEGERS, TEXTS, TIMESTAMPS, Wide
    from example_site.events.generation import dialect_of

    dialect = dialect_of(connection)
    values = ["n"]
    values += [f"h % 1009 + {n}" for n in range(INTEGERS)]
    values += [dialect.join(f"text {n} ", "h % 4999") for n in range(TEXTS)]
    values += [f"h % {n + 2} = 0" for n in range(BOOLEANS)]
    values += [dialect.created_at] * TIMESTAMPS
    _insert(connection, Wide, values, first, last)


def insert_large(connection: Any, first: int, last: int) -> None:
    from benchmarks.models import Large

    _insert(connection, Large, ["n", LARGE[connection.vendor]], first, last)


def _insert(
    connection: Any, model: type[models.Model], values: list[str], first: int, last: int
) -> None:
    from example_site.events.generation import dialect_of

    dialect = dialect_of(connection)
    statement = INSERT.format(
        table=model._meta.db_table,
        names=", ".join(str(field.column) for field in model._meta.concrete_fields),
        numbers=dialect.numbers.format(first=first, last=last),
        values=", ".join(values),
    )
    with connection.cursor() as cursor:
        if dialect.prepare:
            cursor.execute(dialect.prepare)
        cursor.execute(statement)


def vacuum(*made: type[models.Model]) -> None:
    """So that no walk pays for the first look at a row, and the planner knows the tables."""
    command = {"postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE", "sqlite": "ANALYZE"}
    with connection.cursor() as cursor:
        for model in made:
            cursor.execute(f"{command[connection.vendor]} {model._meta.db_table}")


if __name__ == "__main__":
    django.setup()
    fill(*map(int, sys.argv[1:]))
