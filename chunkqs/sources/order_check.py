"""Asks the database whether a walk follows its order, where the rows themselves leave a doubt."""

from __future__ import annotations

from django.db import DataError, NotSupportedError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from ..keyset.query import KeysetQuery
from ..keyset.ranges_after_position import Position
from ..keyset.refusals import inexact
from ..keyset.walk_errors import incomparable, lost, moved, repeated, went_back

#: What a database says of values that it cannot compare.
INCOMPARABLE = (DataError, NotSupportedError, ProgrammingError)


class OrderCheck:
    """Looks positions up, by the comparisons that the walk itself makes."""

    def __init__(self, query: KeysetQuery, connection: BaseDatabaseWrapper) -> None:
        self._query = query
        self._connection = connection
        self._database = database_of(connection)

    def check_doubtful(self, query: KeysetQuery, block: Block) -> None:
        """Raise KeysetError if values of types of the user's own don't compare as they are read.

        One query, for the first rows that have such values.
        """
        doubtful = query.lessons.doubtful
        if not doubtful:
            return
        positions = map(query.position, reversed(block))
        position = next(
            (one for one in positions if all(one[n] is not None for n in doubtful)), None
        )
        if position is None:
            return
        types = list(doubtful.values())
        number, column_type = next(iter(doubtful.items()))
        column, name = query.keyset.columns[number], self._database.type_name(column_type)
        try:
            with transaction.atomic(self._connection.alias):
                found = self._finds(position) and self._database.shows_values_whole(types)
        except INCOMPARABLE as error:
            raise inexact(column, name, f"is not compared with its text ({error})") from error
        if not found:
            raise inexact(column, name, "is not found by its text")
        query.lessons.has_own_types = self._database.have_own_order(types)
        doubtful.clear()

    def is_an_order(
        self,
        last: Position,
        following: Position | None,
        start: Position | None,
        mark: Position | None,
    ) -> bool:
        """Return whether the database finds the `last` row of a chunk, which may be deleted by now.

        Asked before a second chunk, unless the order is of columns alone, whose types are known
        to travel unchanged; of values that only the database knows how to compare, of each chunk
        and of the `following` row.
        Raises KeysetError where the chunk after `start` comes around to the walk's first rows.
        """
        if self._query.is_proven:
            return self._query.is_of_columns or self._finds(last)
        try:
            with transaction.atomic(self._connection.alias):
                if start and mark and self._rows(self._query.rows_again(start, last, mark)):
                    raise went_back(self._query.keyset)
                return self._finds(last) and (following is None or self._finds(following))
        except INCOMPARABLE as error:
            raise incomparable(self._query.keyset, error) from error

    def check_kinds(self, mark: Position | None, last: Position) -> None:
        """Raise KeysetError for numbers and texts in one column of a view.

        SQLite orders them as they are, but compares them by the type of a column beneath.
        """
        query = self._query
        if self._database.knows_types or query.is_proven or mark is None:
            return
        mixed = [
            column
            for column, *values in zip(query.keyset.columns, mark, last, strict=True)
            if None not in values and len({isinstance(value, str) for value in values}) > 1
        ]
        if mixed and self._database.is_view(query.keyset.source.model._meta.db_table):
            raise inexact(mixed[0], "number or text", "is not compared as it is sorted")

    def _finds(self, position: Position) -> bool:
        found = self._rows(self._query.rows_at(position))
        if len(found) > 1:
            raise repeated(self._query.keyset)
        return bool(found)

    def check_beginning(
        self,
        first: Position | None,
        expected: Position,
        start: Position,
        before: Position | None,
    ) -> None:
        """Raise KeysetError if a chunk that doesn't begin with the `expected` row is wrong in that.

        It comes after `start`, and the chunk before it came after `before`. Others may have
        inserted rows in front of the expected one, or deleted it; what is never right is a row
        that is lost because it is not after `start`, or that is not after `before`; nor that
        both rows around the end of the chunk before have moved, where the order may depend on
        the time.
        """
        if self._rows(self._query.rows_at(expected, last=start)):
            raise lost(self._query.keyset)
        if not self._query.is_proven and self._has_moved(expected) and self._has_moved(start):
            raise moved(self._query.keyset)
        if first is None or before is None:
            return
        if self._rows(self._query.rows_at(first, last=before)):
            raise went_back(self._query.keyset)

    def _has_moved(self, position: Position) -> bool:
        """Return whether the row that was at `position` is there, but elsewhere in the order."""
        of_key = self._query.rows_of_key(position)
        return bool(self._rows(of_key)) and not self._rows(self._query.rows_at(position))

    def _rows(self, statement: Statement | None) -> Block:
        if statement is None:
            return []
        with self._connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.params)
            return list(cursor.fetchall())
