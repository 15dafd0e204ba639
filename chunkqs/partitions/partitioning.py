"""The partitions of a queryset: so many, or of so many rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.queries import without_lock
from ..keyset.keyset import Keyset
from .boundaries_by_index import Boundary, boundaries
from .boundaries_by_statistics import planned
from .partition import KeyRange, Partition


class SizedPartitions:
    """Partitions of so many rows each: lazy, found again with every `iter()`."""

    def __init__(self, keyset: Keyset, size: int) -> None:
        self._keyset = keyset
        self._size = size

    def __iter__(self) -> Iterator[Partition]:
        """Look up one boundary along the index for each partition."""
        connection = connections[self._keyset.source.db]
        keyset = self._keyset.as_proven(connection)
        return _partitions(keyset, boundaries(keyset, connection, repeat(self._size)))

    def __repr__(self) -> str:
        label = self._keyset.source.model._meta.label
        return f"<SizedPartitions: of {self._size:,} rows of {label}>"


def even_partitions(keyset: Keyset, parts: int) -> list[Partition]:
    """Return at most so many partitions of about equal rows."""
    connection = connections[keyset.source.db]
    keyset = keyset.as_proven(connection)
    found = planned(keyset, connection, parts)
    return list(_partitions(keyset, found or _counted(keyset, connection, parts)))


def _counted(keyset: Keyset, connection: BaseDatabaseWrapper, parts: int) -> Iterator[Boundary]:
    """Count the rows, then find the boundaries along the index."""
    rows = max(1, without_lock(keyset.source).count())
    parts = min(parts, rows)
    sizes = [rows * (number + 1) // parts - rows * number // parts for number in range(parts)]
    return boundaries(keyset, connection, sizes)


def _partitions(keyset: Keyset, found: Iterable[Boundary]) -> Iterator[Partition]:
    after = None
    for number, (position, rows) in enumerate(found):
        yield KeyRange(after, position, keyset.nullable).partition(keyset, number, rows)
        after = position
