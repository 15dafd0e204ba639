"""Exact boundaries, found along the index: no row is read, only counted past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.compiler import Block
from ..keyset.keyset import Keyset
from ..keyset.query import CountedSegment, KeysetQuery
from ..keyset.ranges_after_position import Position
from ..keyset.walk_errors import reading


class Boundary(NamedTuple):
    """The last row of a partition, and how many rows the partition has."""

    position: Position | None
    """None where there are no rows after them."""
    rows: int


def boundaries(
    keyset: Keyset, connection: BaseDatabaseWrapper, sizes: Iterable[int]
) -> Iterator[Boundary]:
    """Yield the boundaries of partitions of so many rows, as far as there are rows.

    One query for each boundary; the last partition takes what is left. Each boundary is
    looked for after the one before, so they ascend whatever is written meanwhile.
    """
    query = KeysetQuery(keyset, connection).keys
    latest = Boundary(None, 0)
    for number, size in enumerate(sizes):
        found = _seek(query, latest.position, size)
        if found.position is None and found.rows == 0 and number > 0:
            break
        if number > 0:
            yield latest
        latest = found
        if latest.position is None:
            break
    yield Boundary(None, latest.rows)


def _seek(query: KeysetQuery, start: Position | None, rows: int) -> Boundary:
    """Find the row that is so many rows after `start`; or count those that there are."""
    left = rows
    for segment in query.counted_segments(start):
        row = _row_at(query, segment, left - 1)
        if row is None:
            return _seek(query, start, rows)
        if row:
            return Boundary(query.position(row[0]), rows)
        # Rows that were inserted since the look at the last one don't count.
        left -= min(segment.count_rows(), left - 1)
    return Boundary(None, rows - left)


def _row_at(query: KeysetQuery, segment: CountedSegment, offset: int) -> Block | None:
    """Return the row after so many others, if there is one; None to read it in another way.

    The types come first: a driver may be unable to read what is to be read in another way.
    """
    statement = segment.row_at(offset)
    with query.connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        if query.learn_types(query.database.column_types(cursor)):
            return None
        with reading(query.keyset, query.database):
            row = list(cursor.fetchmany(1))
    return None if row and query.learn_length(row) else row
