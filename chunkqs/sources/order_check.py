"""Asks the database whether a walk follows its order, where the rows themselves leave a doubt."""

from __future__ import annotations

from django.db import DataError, NotSupportedError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..django_internals.compiler import Block, Statement
from ..keyset.checks import lost, repeated, went_back
from ..keyset.lessons import inexact
from ..keyset.query import KeysetQuery
from ..keyset.ranges import Position

#: What a database says of values that it cannot compare.
INCOMPARABLE = (DataError, NotSupportedError, ProgrammingError)


class OrderCheck:
    """Looks positions up, by the comparisons that the walk itself makes."""

    def __init__(self, query: KeysetQuery, connection: BaseDatabaseWrapper) -> None:
        self._query = query
        self._connection = connection
        self._database = database_of(connection)

    def finds_its_rows(self, block: Block, goes_on: bool) -> bool:
        """Return whether the first block's positions find their rows, where that isn't sure.

        It is where the database names the types of its columns, and what it says of them is
        known to travel unchanged. Else one query; False may mean that the row is gone by now.
        """
        doubtful = self._query.lessons.doubtful
        if doubtful:
            self._check_doubtful(block)
            return True
        if self._database.knows_types or not goes_on:
            return True
        return self._finds(self._query.position(block[-1]))

    def _check_doubtful(self, block: Block) -> None:
        """Raise KeysetError where values of types of the user's own don't compare as read."""
        number, column_type = next(iter(self._query.lessons.doubtful.items()))
        column = self._query.keyset.columns[number]
        positions = map(self._query.position, reversed(block))
        places = self._query.lessons.doubtful
        whole = (one for one in positions if all(one[place] is not None for place in places))
        position = next(whole, None)
        try:
            with transaction.atomic(self._connection.alias):
                found = position is None or self._finds(position)
                found = found and self._database.shows_values_whole()
        except INCOMPARABLE as error:
            name = self._database.type_name(column_type)
            raise inexact(column, name, f"is not compared with its text ({error})") from error
        if not found:
            name = self._database.type_name(column_type)
            raise inexact(column, name, "is not found by its text")

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
        that is lost because it is not after `start`, or that is not after `before`.
        """
        if self._rows(self._query.rows_at(expected, last=start)):
            raise lost(self._query.keyset)
        if first is None or before is None:
            return
        if self._rows(self._query.rows_at(first, last=before)):
            raise went_back(self._query.keyset)

    def _rows(self, statement: Statement | None) -> Block:
        if statement is None:
            return []
        with self._connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.params)
            return list(cursor.fetchall())
