"""The ways to walk, as functions over any QuerySet: validate, plan, wrap.

The methods of ChunkedQuerySet are these; the functions serve where a model has another
manager, or none that is yours: third-party models, historical models in a migration.
No query runs here: wrong arguments raise at the call, all else waits for the first row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar, overload

from django.db import NotSupportedError, connections
from django.db.models import QuerySet

from .arguments import (
    checked_choice,
    checked_chunk_size,
    checked_max_bytes,
    checked_parts,
    checked_queryset,
    checked_retries,
    checked_seconds,
    one_size,
    refuse_both,
)
from .databases import database_of
from .django_internals.routing import planning_alias
from .keyset.keyset import Keyset, Position, keyset_of
from .keyset.tokens import decode
from .lazy import LazyChunks, LazyRows
from .partitions.partition import KeyRange, Partition
from .partitions.ranges import SizedPartitions, even_partitions
from .settings import chunkqs_settings
from .sources.sizing import MAX_BYTES, Sizing
from .sources.stream import Wishes
from .walks.plan import KeysetPlan, StreamPlan

Row = TypeVar("Row")
Yielded = TypeVar("Yielded", covariant=True)


PRIVATE = {True: "insist", False: "never", None: "where it is safe"}
READ_AHEAD = {True: "on a private connection on PostgreSQL", False: "never"}
BOUNDED = {True: "end at what is now the last row", False: "go on to the end of the table"}


class Queries(Protocol[Yielded]):
    """A QuerySet, or a manager in its place."""

    def iterator(self, chunk_size: int | None = ...) -> Iterator[Yielded]:
        """Yield the rows."""


def stream(
    queryset: Queries[Row],
    *,
    chunk_size: int | None = None,
    max_bytes: int = MAX_BYTES,
    read_ahead: bool = True,
    private: bool | None = None,
) -> LazyRows[Row]:
    """Walk the rows of one query through a server-side cursor: one consistent snapshot.

    Yields what the queryset yields, in its order. The query runs when the first row is
    asked for. In autocommit on PostgreSQL, MySQL and MariaDB a result that the planner
    expects to fit one chunk comes by an EXPLAIN and one plain query; a larger one from a
    read-only transaction on a private connection, which is closed with the run; inside
    atomic() from a cursor in that transaction. docs/stream.md has the whole table.

    Holds one chunk: `chunk_size` rows, or as many as fit `max_bytes` bytes (2,000 rows at
    most, the first few at once). On a private connection on PostgreSQL a thread fetches the
    next one while the caller works on this one, and both together keep to `max_bytes`;
    `read_ahead=False` forbids that.
    `private=True` insists on a private connection, `private=False` forbids one.

    Raises TypeError or ValueError at the call for wrong arguments; at the first row
    NotSupportedError where `private=True` cannot be had, or inside atomic() on MySQL for a
    query without an order; StreamInterrupted where the connection or transaction ends
    before the rows do.
    """
    chunkqs_settings()  # which are wrong at the call, if they are
    checked = checked_queryset(queryset, "stream")
    checked_choice(private, "private", PRIVATE)
    checked_choice(read_ahead, "read_ahead", READ_AHEAD)
    database = database_of(connections[planning_alias(checked)])
    if private and not database.opens_private_connections:
        raise NotSupportedError(
            f"stream(private=True) on {database.label}: chunkqs opens "
            "private connections on PostgreSQL, MySQL and MariaDB alone. Leave private= out."
        )
    sizing = Sizing(checked_chunk_size(chunk_size, "chunk_size"), checked_max_bytes(max_bytes))
    return LazyRows(StreamPlan(checked, sizing, wishes=Wishes(private, read_ahead)))


def keyset_iter(
    queryset: Queries[Row],
    *,
    chunk_size: int | None = None,
    max_bytes: int = MAX_BYTES,
    after: str | None = None,
    until: str | None = None,
    bounded: bool = True,
    retries: int = 3,
) -> LazyRows[Row]:
    """Walk the rows by keyset: each chunk is one short query after the last row.

    Yields what the queryset yields, in its own order or else by primary key. Nothing is
    held open between the chunks, so the walk sees the table as it is at each of them, can
    last for days, and can be resumed: `rows.position` is the token of the last row
    handed out, `after=token` goes on after it, `until=token` ends with that row.
    A walk that fits its first chunk is one query. Where that comes back full, three more follow
    before the first row: `bounded` looks up the last row and ends there, so that rows inserted
    after it don't prolong the walk; the session is read (4 or more queries on MySQL); and an
    EXPLAIN shows whether an index gives the order, else MissingIndexWarning says so.

    Outside a transaction a lost connection, a deadlock, a serialisation failure, a recovery
    conflict or a timeout costs no row: the chunk is asked for again, up to `retries` times
    in a row, after growing pauses. A connection is replaced only by one whose session is the
    same. docs/keyset.md has the details.

    Holds one chunk: `chunk_size` rows, or as many as fit `max_bytes` bytes (2,000 rows at
    most, the first few at once).

    Raises at the call: KeysetError for a query without an order to walk by, InvalidPosition
    for a token that is not of this model and order, TypeError or ValueError for other wrong
    arguments. In the walk: KeysetError should a chunk not lie after the one before, and the
    database's own error when the retries are used up or the session cannot be had again.
    """
    sizing = Sizing(checked_chunk_size(chunk_size, "chunk_size"), checked_max_bytes(max_bytes))
    return LazyRows(_keyset_plan(queryset, "keyset_iter", sizing, after, until, bounded, retries))


def chunks(
    queryset: Queries[Row],
    size: int | None = None,
    *,
    chunk_size: int | None = None,
    target_seconds: float | None = None,
    max_bytes: int = MAX_BYTES,
    after: str | None = None,
    until: str | None = None,
    bounded: bool = True,
    retries: int = 3,
) -> LazyChunks[Row]:
    """Walk by keyset, as `keyset_iter()` does, and yield the rows in lists, `Chunk`s.

    `size`, or `chunk_size`, is the number of rows in each. Without it they grow up to
    `max_bytes` bytes; with
    `target_seconds` they are as large as one turn of the caller's loop gets through in that
    time. A chunk has `.number`, `.position` and `.queryset`, its key range as a queryset.
    One query a chunk, and one at the start if `bounded`. Raises as `keyset_iter()`.
    """
    size = one_size(size, chunk_size)
    refuse_both(size, target_seconds)
    sizing = Sizing(
        checked_chunk_size(size, "size"),
        checked_max_bytes(max_bytes),
        checked_seconds(target_seconds),
    )
    plan = _keyset_plan(queryset, "chunks", sizing, after, until, bounded, retries)
    return LazyChunks(plan.chunked(sizing))


@overload
def partitions(queryset: Queries[Any], n: int) -> list[Partition]: ...
@overload
def partitions(queryset: Queries[Any], *, size: int) -> Iterable[Partition]: ...
def partitions(
    queryset: Queries[Any], n: int | None = None, *, size: int | None = None
) -> Iterable[Partition]:
    """Divide the rows into key ranges that together are the queryset, each row in exactly one.

    `partitions(n)` returns a list of at most `n` of about equal rows: by the planner's
    statistics on PostgreSQL, in a few queries at any size of table; elsewhere, and where
    the statistics say too little, by a COUNT and one query along the index for each.
    `partitions(size=5000)` returns a lazy iterable of partitions of exactly so many rows,
    which are counted along the index, one query for each; the last one has what is left.

    The first is open at its beginning and the last at its end, so that every row has its
    partition, wherever it is inserted. Each has `.number`, the expected `.rows` and a
    `.token`, which is also its text. docs/tasks.md has what to do with them.

    Raises at the call: KeysetError for a query without an order to walk by, TypeError or
    ValueError for other wrong arguments.
    """
    number, rows = checked_parts(n, size)
    keyset = keyset_of(checked_queryset(queryset, "partitions"))
    return SizedPartitions(keyset, rows) if rows else even_partitions(keyset, number)


def partition(queryset: Any, partition: Partition | str) -> QuerySet[Any, Any]:
    """Return the rows of a partition, or of its token, in the order of the keys. No query.

    What is filtered or ordered further is so within the partition. The filters need not be
    those that the partition was made with; model and order must be the same.
    Raises InvalidPosition for a token that is none of this model and order, or was changed.
    """
    keyset = keyset_of(checked_queryset(queryset, "partition"))
    after, until = KeyRange.of(keyset, partition)
    return keyset.filter(after, until, connections[planning_alias(keyset.source)])


def _keyset_plan(
    queryset: Any,
    function: str,
    sizing: Sizing,
    after: Any,
    until: Any,
    bounded: Any,
    retries: Any,
) -> KeysetPlan:
    checked_choice(bounded, "bounded", BOUNDED)
    keyset = keyset_of(checked_queryset(queryset, function))
    return KeysetPlan(
        keyset.queryset,
        sizing,
        keyset,
        _position(keyset, after),
        _position(keyset, until),
        bounded=bounded,
        retries=checked_retries(retries),
    )


def _position(keyset: Keyset, token: Any) -> Position | None:
    return None if token is None else decode(keyset.signature, token)
