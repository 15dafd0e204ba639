"""Asks of which types the key columns of a walk are, before any row is read."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..keyset.query import KeysetQuery
from .null_check import NullCheck


def read_types(query: KeysetQuery, connection: BaseDatabaseWrapper) -> None:
    """Learn of which types the key columns are, before any row: by a query without rows."""
    if not read_types_alone(query, connection):
        return
    nulls = NullCheck(query, connection)
    nulls.begin()
    nulls.settle(False)


def read_types_alone(query: KeysetQuery, connection: BaseDatabaseWrapper) -> bool:
    """Learn the types alone; return whether the database names them."""
    database = database_of(connection)
    statement = next(query.statements(None, None), None)
    if statement is None or not database.knows_types:
        return False
    with connection.cursor() as cursor:
        cursor.execute(*statement(0))
        query.learn_types(database.column_types(cursor))
    return True
