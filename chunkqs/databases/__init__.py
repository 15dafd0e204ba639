"""What depends on the database."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from django.db.backends.base.base import BaseDatabaseWrapper

from .base import Database

#: The databases that chunkqs knows, by Django's name for them: where their class stands.
DATABASES = {
    "postgresql": "postgresql.database.PostgreSQL",
    "mysql": "mysql.database.MySQL",
    "sqlite": "sqlite.SQLite",
}


def database_of(connection: BaseDatabaseWrapper) -> Database:
    """Return what chunkqs has to know of the database of `connection`, without a query."""
    return _class(connection.vendor)(connection)


@cache
def _class(vendor: str) -> type[Database]:
    """Import the class for a vendor, the first time that it is asked for."""
    if vendor not in DATABASES:
        return Database
    module, _, name = DATABASES[vendor].rpartition(".")
    known: type[Database] = getattr(import_module(f".{module}", __name__), name)
    return known
