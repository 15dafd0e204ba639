"""Whether a walk may rely on what its model declares: that a key column has no NULL.

The proof travels as a condition of a statement that reads rows all the same, so that it costs no
query where the declaration is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases import database_of
from ..databases.null_proofs import TableColumn, ask, known, remember
from ..django_internals.compiler import Block
from ..keyset.query import KeysetQuery
from ..keyset.ranges_after_position import Position
from ..keyset.unproven_not_null import declared


class NullCheck:
    """Teaches the queries of a walk which of their key columns can be NULL after all."""

    def __init__(self, query: KeysetQuery, connection: BaseDatabaseWrapper) -> None:
        self._lessons = query.lessons
        self._connection = connection
        columns = enumerate(query.keyset.columns)
        self._declared = {place: declared(column) for place, column in columns}

    def begin(self, *bounds: Position | None) -> bool:
        """Have the next statement carry the proof, where nothing is known yet. No query.

        Returns whether the rows are to be read in another way than before.
        """
        columns = self._trusted()
        answers = known(self._connection, columns)
        database = database_of(self._connection)
        self._lessons.unproven = tuple(
            sorted(
                column
                for column in columns - answers.keys()
                if database.not_null_condition(*column) is not None
            )
        )
        shown = [place for bound in bounds for place in _nulls(bound or ())]
        return self._learn(shown)

    def settle(self, has_rows: bool) -> bool:
        """Conclude from whether the statement that carried the proof found rows.

        Asks the catalogue where it found none. Returns whether to read them in another way.
        """
        columns, self._lessons.unproven = self._lessons.unproven, ()
        if not columns:
            return False
        if has_rows:
            remember(self._connection, columns, True)
            return False
        ask(self._connection, columns)
        return self._learn()

    def learn_from(self, query: KeysetQuery, block: Block) -> bool:
        """Learn from the NULLs in a block; return whether to read the rows in another way."""
        # A query that is known to be empty has no places for its columns.
        trusted = [place for place, columns in self._declared.items() if columns and block]
        shown = [
            place
            for place in trusted
            if place not in self._lessons.nullable
            and None in map(itemgetter(query.places[place]), block)
        ]
        for place in shown:
            remember(self._connection, self._declared[place], False)
        return self._learn(shown)

    def _trusted(self) -> set[TableColumn]:
        places = self._declared.keys() - self._lessons.nullable
        return set().union(*(self._declared[place] for place in places))

    def _learn(self, shown: Iterable[int] = ()) -> bool:
        before = self._lessons.nullable
        answers = known(self._connection, set().union(*self._declared.values()))
        self._lessons.nullable = before.union(
            (place for place in shown if self._declared[place]),
            (
                place
                for place, columns in self._declared.items()
                if any(answers.get(column) is False for column in columns)
            ),
        )
        return self._lessons.nullable != before


def _nulls(position: Position) -> Iterable[int]:
    return (place for place, value in enumerate(position) if value is None)
