"""What chunkqs has to know of a database: the one place where databases differ.

Each method, and each flag of `Features`, has the default that suits a database that chunkqs
doesn't know: read on the caller's connection, compare column by column, ask no planner. To add a
database, write a subclass in a file of its own and name it in `chunkqs.databases.DATABASES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import Error, NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..django_internals.compiler import Statement
from ..django_internals.execute_sql import execute
from ..django_internals.export_columns import Conversion
from .answers import CopyFormat, CopyReader, Explanation, RepeatedWork, Scope, TransientError
from .distribution import Distribution, Step
from .features import Features
from .value_transport import VALUE, Transport

if TYPE_CHECKING:
    from django.db.models.sql.compiler import SQLCompiler

    from .session import Session

Cursor = TypeVar("Cursor")
Result = TypeVar("Result")


class Database(Features):
    """A connection's database: how it differs from the others."""

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

    def repeated_work(self, statement: Statement) -> RepeatedWork | None:
        """Ask the planner what `statement`, which reads one chunk, does with many more rows."""
        return None

    def distributions(self, table: str, columns: Sequence[str]) -> list[Distribution]:
        """Return how the planner knows the values of a table's columns to be distributed.

        One for each column, as far as all columns before it are known.
        """
        return []

    def value_in_step(self, type: str, step: Step, share: float) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL of the value that lies so far from the low end of a step to the other."""
        raise NotImplementedError

    def scope(self) -> Scope | None:
        """Read in which tenant, schema and role the session is; None where it has none."""
        return None

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

    def cancel_handle(self, driver_connection: Any) -> Any:
        """Return what another thread needs to cancel the query of a connection that is in use."""
        return driver_connection

    def cancel(self, handle: Any) -> None:
        """Ask the server to end the query that runs on the connection of `cancel_handle()`."""

    def discard_cursor(self, cursor: CursorWrapper) -> None:
        """Forget a server-side cursor that the server has no more, without a query."""

    def execute(self, cursor: CursorWrapper, statement: Statement, compiler: SQLCompiler) -> None:
        """Run `statement`, a query of `compiler`, on `cursor`, for all who watch either."""
        execute(self.prepare_cursor(cursor), statement, compiler)

    def prepare_cursor(self, cursor: Cursor) -> Cursor:
        """Let `cursor`, not executed yet, read values as Django has them read, only faster."""
        return cursor

    def was_there(self, alias: str, table: str) -> str:
        """Return the SQL of whether a row of `table` was there when the statement began. Asked
        only where the database `reads_rows_as_they_come`; both names are quoted."""
        raise NotImplementedError

    def knows_what_was_there(self, error: Error) -> bool:
        """Return whether `error` is another one than that `was_there()` does not suit a table."""
        return True

    def copy_statement(
        self,
        cursor: CursorWrapper,
        statement: Statement,
        conversions: Sequence[Conversion],
        copy: CopyFormat,
        *,
        is_private: bool,
    ) -> Statement | None:
        """Return the statement that has the server write the rows of `statement`: one query.

        `cursor` is one of the connection that will run it, which is private or the caller's.
        None where the server would not write the same as Python does, or could not go on.
        """
        return None

    def copy_reader(self, cursor: CursorWrapper) -> CopyReader:
        """Return what executes such a statement in the place of the driver's cursor."""
        raise NotSupportedError(f"{self.label} writes no exports")

    def read_moments_as_text(self, driver_connection: Any) -> None:
        """Let a private connection return a StoredMoment, where it is slow to make a datetime."""

    def is_busy(self, driver_connection: Any) -> bool:
        """Return whether the server is in the middle of a statement of this connection."""
        return False

    def connection_limit(self) -> int | None:
        """Return how many connections the server gives this user: one query. None where it has
        no such limit."""
        return None

    def likely_transport(self, field: Any) -> Transport:
        """Return how values of `field` are read, before the server has said of which type they
        are; `field` is None where Django doesn't know."""
        return VALUE

    def of_expression(self, transport: Transport) -> Transport:
        """Return how values are read that are computed, where those of a column are read so."""
        return transport

    def column_types(self, cursor: CursorWrapper) -> Sequence[Any]:
        """Return what the server says of the type of each column that `cursor` has selected."""
        return ()

    def transport(self, column_type: Any, used: Transport) -> Transport | None:
        """Return how values of a type are read exactly, `used` where that does; None for no
        way. Asked only where the database `knows_types`."""
        return used

    @property
    def reads_alike(self) -> bool:
        """Whether what was learnt of the types from one statement holds for the next. No query."""
        return not self.hides_types

    def check_sendable(self, position: tuple[Any, ...]) -> None:
        """Raise UnicodeError for a text that the connection cannot send unchanged. No query."""

    def cannot_read_key(self, error: Error) -> bool:
        """Return whether the driver can make no value of what a key column was selected as."""
        return False

    def is_float(self, column_type: Any) -> bool:
        """Return whether a type is one of floating-point numbers."""
        return False

    def mistakes_nulls(self, column_type: Any) -> bool:
        """Return whether an expression of a type is sorted as NULL where it has a value."""
        return False

    def is_doubtful(self, column_type: Any) -> bool:
        """Return whether values of a type may not be comparable with what they are read as."""
        return False

    def shows_values_whole(self, column_types: Sequence[Any]) -> bool:
        """Ask whether the session shows the values of doubtful types with all their digits."""
        return True

    def have_own_order(self, column_types: Sequence[Any]) -> bool:
        """Ask whether any of some doubtful types may be compared by rules of the user's own."""
        return True

    def type_name(self, column_type: Any) -> str:
        """Return a type's name for messages. May ask the database."""
        return str(column_type)

    def comparable(self, sql: str, field: Any) -> str:
        """Return the SQL of an expression as one that is compared as it is sorted. `field` is
        None where Django doesn't know what it makes."""
        return sql

    def null_test(self, sql: str, operator: str, is_column: bool) -> str:
        """Return the condition that a column or expression `IS NULL`, or `IS NOT NULL`."""
        return f"{sql} {operator}"

    def not_null_condition(self, table: str, column: str) -> tuple[str, tuple[str, ...]] | None:
        """Return a condition that the catalogue proves a column to have no NULL.

        None where there is no such catalogue, and the model is believed.
        """
        return None

    def is_view(self, table: str) -> bool:
        """Ask whether a table is a view: one query."""
        with self.connection.cursor() as cursor:
            known = self.connection.introspection.get_table_list(cursor)
        return any(one.name == table and one.type == "v" for one in known)

    def sort_bytes(self, values: Iterable[Any]) -> int:
        """Return how many bytes of each value rows must be sorted by to be in their places; 0
        where any session does that. KeysetError where none can."""
        return 0

    def sorting(self, column_types: Sequence[Any], *, converts: bool) -> Scope | None:
        """Read the settings of the session that an order by columns of some types depends on: one
        query. None where it depends on none. `converts`: whether it is made of values that
        settings decide about, such as the text of a date."""
        return None

    def sessions_sort_length(self) -> int:
        """Return how many bytes of each value the session sorts by."""
        return 0

    def sorted_by(self, statement: Statement, length: int) -> Statement:
        """Return `statement` as one that sorts by the first `length` bytes of its values."""
        return statement

    def run_within(self, seconds: float, work: Callable[[], Result]) -> Result | None:
        """Return what `work`, which reads by one query, returns; None if that takes longer.

        There is no limit where the database is not known to end a query by itself.
        """
        return work()

    @property
    def has_nulls_first(self) -> bool:
        """Whether an ascending order that doesn't name the place of its NULLs has them first."""
        return bool(self.connection.features.order_by_nulls_first)

    @property
    def alias(self) -> str:
        """The connection's name in DATABASES."""
        return str(self.connection.alias)

    @property
    def label(self) -> str:
        """The database's name in messages."""
        return str(self.connection.display_name)
