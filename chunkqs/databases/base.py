"""What chunkqs has to know of a database: the one place where databases differ.

Each flag and method has the default that suits a database that chunkqs doesn't know: read on
the caller's connection, compare column by column, ask no planner. To add a database, write a
subclass in a file of its own and name it in `chunkqs.databases.DATABASES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from .statistics import Distribution, Step

if TYPE_CHECKING:
    from .session import Session

Cursor = TypeVar("Cursor")


class TransientError(Enum):
    """An error after which the same query may succeed."""

    LOST = "the connection was lost"
    TIMEOUT = "the query took longer than the database allows"
    CONFLICT = "another transaction was in the way"


class Explanation(NamedTuple):
    """What the planner expects of a statement."""

    rows: int
    width: int
    """Bytes a row, as far as the planner knows; 0 where it does not say."""
    text: str
    """The whole plan (PostgreSQL: VERBOSE JSON), for whoever must know what it touches."""


class Database:
    """A connection's database: how it differs from the others."""

    opens_private_connections = False
    """Whether a cursor over a large result is opened on a connection of its own: there the first
    row comes at once, and the caller's connection stays free."""

    sends_on_request = False
    """Whether a server-side cursor sends rows only when it is asked for them. A thread can then
    ask for the next ones early; where the server sends by itself, the socket reads ahead."""

    cursor_blocks_connection = False
    """Whether an open server-side cursor keeps its connection from every other query."""

    cursor_ends_with_transaction = False
    """Whether a server-side cursor in a transaction ends with it, on the server alone."""

    compares_rows = False
    """Whether `(a, b) > (1, 2)` is looked up in an index. The others get an OR of ranges."""

    reads_ranges_apart = False
    """Whether several ranges are best read by a SELECT each (UNION ALL), as the planner finds
    its place in an index for one range but not for an OR of them."""

    prefers_or_to_order = False
    """Whether the planner follows an OR to other indexes than the one that gives the order.
    A unary plus before a column keeps it from that."""

    compares_rowid_alone = False
    """Whether the table's row number must be compared by itself: it stands in no index, so that
    in a row comparison all rows with equal other columns are read."""

    bounds_compared_expressions = False
    """Whether a row comparison that begins with an expression finds an index on it only by a
    bound on the expression alone."""

    nests_union_members = False
    """Whether the parts of a UNION ALL may be ordered and limited only in a subquery."""

    reads_nulls_by_index_order = False
    """Whether an index serves only an ORDER BY that names the place of NULLs as the index has
    it, even where a filter leaves no NULLs."""

    reads_ranges_to_their_end = False
    """Whether equality with a constant keeps the index from being read on from there in order,
    so that a column that a filter pins is better ordered and compared as an interval."""

    indexes_end_with_key = False
    """Whether every index ends with the primary key, declared or not."""

    sorts_within_prefix = False
    """Whether rows that an index gives in the order of its first columns are sorted only within
    equal values of those."""

    sorts_by_prefix = False
    """Whether values are sorted by their first bytes alone, but compared as a whole."""

    has_numbered_types = False
    """Whether there are types (ENUM, SET) that are sorted by number but compared as text."""

    has_sessions = True
    """Whether a connection has a state of its own that decides which rows it shows."""

    shares_snapshots = False
    """Whether one transaction can take over the snapshot of another."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    @property
    def is_seen_by_others(self) -> bool:
        """Whether other connections see the same database."""
        return True

    def export_snapshot(self) -> str:
        """Return the name of the snapshot of the transaction that runs, for others."""
        raise NotImplementedError

    def joined_snapshot(self, name: str) -> AbstractContextManager[None]:
        """Let the block run in a read-only transaction with another one's snapshot."""
        raise NotImplementedError

    def explain(self, statement: Statement) -> Explanation | None:
        """Ask the planner about `statement`: one EXPLAIN; None where there is no such planner."""
        return None

    @property
    def explains(self) -> bool:
        """Whether `explain()` has an answer."""
        return type(self).explain is not Database.explain

    def replication_lag(self) -> float:
        """Return how many seconds a replica is behind: one query, on it or on its primary."""
        raise NotImplementedError

    @property
    def knows_replication_lag(self) -> bool:
        """Whether `replication_lag()` has an answer."""
        return type(self).replication_lag is not Database.replication_lag

    def active_queries(self) -> int:
        """Return how many other queries run on this database: one query."""
        raise NotImplementedError

    @property
    def knows_active_queries(self) -> bool:
        """Whether `active_queries()` has an answer."""
        return type(self).active_queries is not Database.active_queries

    def distributions(self, table: str, columns: Sequence[str]) -> list[Distribution]:
        """Return how the planner knows the values of a table's columns to be distributed.

        One for each column, as far as all columns before it are known.
        """
        return []

    def value_in_step(self, type: str, step: Step, share: float) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL of the value that lies so far from the low end of a step to the other."""
        raise NotImplementedError

    def session(self, statement: Statement) -> Session | None:
        """Return what reads and compares the sessions that `statement` runs in, without a query.

        None where a session cannot be compared with another.
        """
        return None

    def transient_error(self, error: Error) -> TransientError | None:
        """Classify `error`; None for one that the same query would raise again. May ask the
        server whether the connection is alive."""
        return TransientError.LOST if self.is_disconnected(error) else None

    def is_disconnected(self, error: Error) -> bool:
        """Return whether the connection can run no more queries, or could not be had at all."""
        driver_connection = self.connection.connection
        return driver_connection is None or bool(getattr(driver_connection, "closed", False))

    def is_cursor_lost(self, cursor: CursorWrapper, error: BaseException | None = None) -> bool:
        """Return whether `cursor` has lost its connection or, by `error`, what it reads."""
        connection = getattr(cursor.cursor, "connection", None)
        return connection is None or bool(getattr(connection, "closed", False))

    def has_cursor(self, cursor: CursorWrapper) -> bool:
        """Return whether the server still has `cursor`, open on the caller's connection."""
        return True

    def cancel(self, driver_connection: Any) -> None:
        """Ask the server to end the query that another thread runs on `driver_connection`."""

    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Forget a server-side cursor that the server has no more, without a query."""

    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Let `cursor`, not executed yet, read values as Django has them read, only faster."""
        return cursor

    def key_sql(self, sql: str, field: Any) -> str:
        """Return the SQL that selects a key column, `sql` of type `field`, as it is compared.

        Drivers and servers show some values otherwise than they compare them.
        """
        return sql

    def shows_moments_locally(self, field: Any) -> bool:
        """Return whether values of `field` come in the session's time zone, which has an hour
        twice; `key_sql()` selects them in UTC then."""
        return False

    def value_placeholder(self, field: Any) -> str:
        """Return the placeholder for a value that is compared with an expression of `field`."""
        return "%s"

    def sorted_by(self, statement: Statement, length: int) -> Statement:
        """Return `statement` as one that sorts by the first `length` bytes of its values."""
        return statement

    @property
    def label(self) -> str:
        """The database's name in messages."""
        return str(self.connection.display_name)
