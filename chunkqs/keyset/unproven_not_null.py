"""Key columns that a model declares to have no NULL, and the database has not proven to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import Expression
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.base import Database
from ..databases.null_proofs import TableColumn, known
from ..django_internals.expressions import Col, flattened
from .columns import KeyColumn


def declared(column: KeyColumn) -> frozenset[TableColumn]:
    """Return the table's columns whose declarations let a key column have no NULL."""
    if column.nullable:
        return frozenset()
    targets = [part.target for part in flattened(column.expression) if isinstance(part, Col)]
    return frozenset(
        TableColumn(target.model._meta.db_table, str(target.column))
        for target in targets
        if not target.null and target.model._meta.managed
    )


def disproven(columns: Sequence[KeyColumn], connection: BaseDatabaseWrapper) -> frozenset[int]:
    """Return the places of the key columns that are known to be declared wrongly. No query."""
    places = set(coalesced(columns, database_of(connection)))
    for place, column in enumerate(columns):
        if not all(known(connection, declared(column)).values()):
            places.add(place)
    return frozenset(places)


def coalesced(columns: Iterable[KeyColumn], database: Database) -> frozenset[int]:
    """Return the places of the key columns that are to have no NULL by a COALESCE() alone, of a
    database that does not keep that promise."""
    if not database.coalesces_to_null:
        return frozenset()
    return frozenset(
        place
        for place, column in enumerate(columns)
        if not column.nullable
        and any(isinstance(part, Coalesce) for part in flattened(column.expression))
    )


def with_nulls(columns: Sequence[KeyColumn], places: Collection[int]) -> tuple[KeyColumn, ...]:
    """Return key columns, those at some places as such that can be NULL."""
    if not places:
        return tuple(columns)
    return tuple(
        replace(column, nullable=True) if place in places else column
        for place, column in enumerate(columns)
    )


class HasNoNulls(Expression):
    """That the catalogue proves a table's column to have no NULL.

    Where it does not, there are no rows: the database looks before it reads any.
    """

    output_field = BooleanField()

    def __init__(self, column: TableColumn) -> None:
        super().__init__()
        self.column = column

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str, ...]]:
        return database_of(connection).not_null_condition(*self.column) or ("1 = 1", ())
