"""Whether the session of a walk still shows the rows that it did, and sorts them as it did.

That travels as a condition of each statement of the walk, which has no rows where it is another.
"""

from __future__ import annotations

from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, DateField, DurationField, Field, FloatField, TimeField

from ..databases import database_of
from ..databases.answers import Scope
from ..django_internals.compiler import Block
from ..django_internals.expressions import Col, fields_of
from ..keyset.columns import KeyColumn
from ..keyset.query import KeysetQuery
from ..keyset.walk_errors import left_scope, sorts_otherwise
from .retries import Retries

#: Of what settings of a session decide: the day and hour of a moment, and the texts of all these.
SHOWN_BY_SETTINGS = (DateField, TimeField, DurationField, FloatField, BinaryField)


class SessionCheck:
    """Teaches the queries of a walk in which session it began."""

    def __init__(
        self, query: KeysetQuery, connection: BaseDatabaseWrapper, retries: Retries
    ) -> None:
        self._query = query
        self._connection = connection
        self._database = database_of(connection)
        self._retries = retries

    def begin_sorting(self, block: Block) -> bool:
        """Learn which settings the order depends on; return whether to read the block again."""
        lessons = self._query.lessons
        converts = any(map(_converts, self._query.keyset.columns))
        read = partial(self._database.sorting, lessons.types, converts=converts)
        lessons.sorting = self._retries.run(read)
        return self._query.learn_length(block)

    def begin_scope(self) -> None:
        """Learn in which tenant, schema and role the walk is."""
        self._query.lessons.scope = self._retries.scope()

    def require(self) -> None:
        """Raise KeysetError where a chunk is empty because the session is another one."""
        keyset, lessons = self._query.keyset, self._query.lessons
        began, sorting = lessons.scope, lessons.sorting
        if began is not None and (now := self._database.scope()) not in (None, began):
            raise left_scope(keyset, began, now)
        if sorting is not None and self._value(sorting) != sorting.value:
            raise sorts_otherwise(keyset, sorting)

    def _value(self, scope: Scope) -> str:
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {scope.sql}")
            return str(cursor.fetchone()[0])


def _converts(column: KeyColumn) -> bool:
    """Return whether a key column is made of values that settings may decide about."""
    if isinstance(column.expression, Col):
        return False
    return any(
        type(one) in (type(None), Field) or isinstance(one, SHOWN_BY_SETTINGS)
        for one in fields_of(column.expression)
    )
