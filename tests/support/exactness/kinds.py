"""Tables of one column of some type, under the models that `inspectdb` would write for them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps.registry import Apps
from django.core.management.commands.inspectdb import Command
from django.db import connections, models
from django.utils.module_loading import import_string

Model = type[models.Model]
Fields = dict[str, Any]

#: The fields of the tables made here, as they were without rows: Django reads one, which a driver
#: may not be able to.
FIELDS: dict[str, Fields] = {}


@dataclass(frozen=True)
class Kind:
    """A type of column, and values of it that look alike, or lie at an end of the type."""

    type: str
    """As SQL has it."""
    values: Sequence[Any]
    """As parameters. Each is in the table twice, and there are two NULLs."""
    refused: str | None = None
    """The type as a refusal names it, where a walk may be refused rather than exact."""

    def __str__(self) -> str:
        return self.type

    @property
    def refusal(self) -> tuple[str, str] | None:
        """What the error has to name: the column and its type."""
        return None if self.refused is None else ("'v'", self.refused)


def unmanaged(table: str, *, managed: bool = False, **fields: Any) -> Model:
    """Return a model of a table that is there already, known to no other model."""
    options = {"managed": managed, "db_table": table, "app_label": "tests", "apps": Apps()}
    meta = type("Meta", (), options)
    return type(table.title(), (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


def inspected(table: str, alias: str = "default", key: str = "id") -> Model:
    """Return the model that `inspectdb` writes for a table with an integer key."""
    fields = FIELDS.get(table) or inspected_fields(table, alias)
    own = {name: field.clone() for name, field in fields.items() if name != key}
    return unmanaged(table, **{key: models.BigIntegerField(primary_key=True)}, **own)


def inspected_fields(table: str, alias: str = "default") -> Fields:
    connection = connections[alias]
    with connection.cursor() as cursor:
        rows = connection.introspection.get_table_description(cursor, table)
    return {row.name: inspected_field(connection, table, row) for row in rows}


def inspected_field(connection: Any, table: str, row: Any) -> models.Field[Any, Any]:
    name, options, _ = Command().get_field_type(connection, table, row)
    path = name if "." in name else f"django.db.models.{name}"
    field: models.Field[Any, Any] = import_string(path)(null=True, **options)
    return field


def run(sql: str, *params: Any, alias: str = "default") -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, params or None)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def tables_of(kinds: Sequence[Kind]) -> Iterator[dict[str, str]]:
    """Make a table for each kind, and yield their names by type."""
    names = {kind.type: f"exact_{number}" for number, kind in enumerate(kinds)}
    try:
        for kind in kinds:
            create(names[kind.type], kind)
        yield names
    finally:
        for name in names.values():
            run(f"DROP TABLE IF EXISTS {name}")


def create(name: str, kind: Kind) -> None:
    """Make the table of a kind. The keys are in another order than the values."""
    run(f"DROP TABLE IF EXISTS {name}")
    run(f"CREATE TABLE {name} (id integer PRIMARY KEY, v {kind.type} NULL)")
    FIELDS[name] = inspected_fields(name)
    values = [*kind.values, None] * 2
    keys = random.Random(9).sample(range(1, len(values) + 1), len(values))
    rows = [part for row in zip(keys, values, strict=True) for part in row]
    run(f"INSERT INTO {name} (id, v) VALUES {', '.join(['(%s, %s)'] * len(values))}", *rows)


def create_wide(name: str, kinds: Sequence[Kind], rows: int) -> None:
    """Make one table of a column `c0`, `c1`, ... for each kind, its values drawn by chance."""
    source = random.Random(9)
    columns = "".join(f", c{number} {kind.type} NULL" for number, kind in enumerate(kinds))
    run(f"DROP TABLE IF EXISTS {name}")
    run(f"CREATE TABLE {name} (id integer PRIMARY KEY{columns})")
    places = ", ".join(["%s"] * (len(kinds) + 1))
    for key in source.sample(range(rows), rows):
        values = [source.choice([*kind.values, None]) for kind in kinds]
        run(f"INSERT INTO {name} VALUES ({places})", key, *values)
