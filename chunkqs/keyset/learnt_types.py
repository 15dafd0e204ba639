"""What the rows of a walk teach about how to read the next ones exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from django.db.models import Aggregate

from ..databases.answers import Scope
from ..databases.base import Database
from ..databases.null_proofs import TableColumn
from ..databases.value_transport import Transport
from ..django_internals.expressions import Col, field_of
from .columns import KeyColumn
from .refusals import inexact
from .unproven_not_null import coalesced
from .unstable_aggregates import is_gathered

#: How much further than needed to sort, as longer values will come.
SORT_GROWTH = 4


@dataclass
class Lessons:
    """How a walk reads its rows. One for all queries of the walk."""

    transports: tuple[Transport, ...]
    """How each key column is read."""
    types: tuple[Any, ...] = ()
    """Of which type each key column is, where the database says so."""
    knows_types: bool = False
    """Whether the database has said which type each column is of."""
    doubtful: dict[int, Any] = field(default_factory=dict)
    """The columns whose values may not be comparable with what they are read as; their types."""
    has_own_types: bool = False
    """Whether a column is of a type of the user's own, which is compared by their rules."""
    nullable: frozenset[int] = frozenset()
    """The places of the columns that are declared to have no NULL, and may have some."""
    unproven: tuple[TableColumn, ...] = ()
    """The columns that are to have no NULL, which the next statement is to prove."""
    scope: Scope | None = None
    """In which tenant, schema and role the walk began, once that is known."""
    sorting: Scope | None = None
    """Which settings of the session the order depends on, once the walk goes on."""
    sort_length: int = 0
    """How many bytes of each value to sort by; 0 leaves that to the session."""

    @classmethod
    def before_any_row(cls, columns: Sequence[KeyColumn], database: Database) -> Self:
        """Return what the model makes likely."""
        transports = (
            _of_column(column, database.likely_transport(field_of(column.expression)), database)
            for column in columns
        )
        return cls(tuple(transports), nullable=coalesced(columns, database))

    def learn_types(
        self, types: Sequence[Any], columns: Sequence[KeyColumn], database: Database
    ) -> bool:
        """Learn from the types of the key columns; return whether to read in another way.

        Raises KeysetError for a type whose values have no exact way there and back.
        """
        before, transports = self.transports, []
        for number, (column, column_type) in enumerate(zip(columns, types, strict=True)):
            transport = _transport(column, column_type, before[number], database)
            if database.is_float(column_type) and is_gathered(column.expression):
                reason = "is added up in another order, perhaps to other digits, by each query"
                raise inexact(column, database.type_name(column_type), reason)
            if database.is_doubtful(column_type):
                self.doubtful[number] = column_type
                self.has_own_types = True
            transports.append(transport)
        self.transports, self.types, self.knows_types = tuple(transports), tuple(types), True
        return self.transports != before

    def check_types(
        self, types: Iterable[Any], columns: Iterable[KeyColumn], database: Database
    ) -> None:
        """Raise KeysetError where a statement shows a type that the first one did not."""
        for column, column_type, used in zip(columns, types, self.transports, strict=True):
            _transport(column, column_type, used, database)

    def learn_length(self, values: Iterable[Any], database: Database) -> bool:
        """Learn from values of the key columns; return whether to sort by more bytes of each."""
        needed = database.sort_bytes(values)
        if needed <= self.sort_length or needed < database.sessions_sort_length():
            return False
        self.sort_length = SORT_GROWTH * needed
        return True


def _transport(
    column: KeyColumn, column_type: Any, used: Transport, database: Database
) -> Transport:
    """Return how values of a type are read exactly; raise KeysetError where there is no way."""
    transport = database.transport(column_type, used)
    if transport is None:
        reason = "does not come back from the driver unchanged"
        raise inexact(column, database.type_name(column_type), reason)
    is_computed = column.nullable and not isinstance(column.expression, (Col, Aggregate))
    if is_computed and database.mistakes_nulls(column_type):
        raise inexact(column, database.type_name(column_type), "is sorted as NULL where it is zero")
    return _of_column(column, transport, database)


def _of_column(column: KeyColumn, transport: Transport, database: Database) -> Transport:
    return transport if isinstance(column.expression, Col) else database.of_expression(transport)
