"""A snapshot that one transaction of PostgreSQL exports, and others take over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper


def export_snapshot(connection: BaseDatabaseWrapper) -> str:
    """Return the snapshot's name, which is good until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.pg_export_snapshot()")
        return str(cursor.fetchone()[0])


@contextmanager
def joined_snapshot(connection: BaseDatabaseWrapper, name: str) -> Iterator[None]:
    """Begin a transaction and set its snapshot before its first query."""
    alias = connection.alias
    with transaction.atomic(using=alias, durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
        yield
