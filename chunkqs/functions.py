"""The ways to walk, as functions over any QuerySet: validate, plan, wrap.

The methods of ChunkedQuerySet are these; the functions serve where a model has another
manager, or none that is yours: third-party models, historical models in a migration.
No query runs here: wrong arguments raise at the call, all else waits for the first row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from django.db import NotSupportedError, connections

from .arguments import (
    checked_choice,
    checked_chunk_size,
    checked_max_bytes,
    checked_queryset,
    checked_retries,
    checked_seconds,
    checked_throttle,
    one_size,
    refuse_both,
)
from .databases import database_of
from .django_internals.routing import planning_alias
from .keyset.keyset import Keyset, Position, keyset_of
from .keyset.tokens import decode
from .lazy import LazyChunks, LazyRows
from .settings import chunkqs_settings
from .sources.sizing import MAX_BYTES, Sizing
from .sources.stream import Wishes
from .sources.throttling import Throttle
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
    requested. In autocommit on PostgreSQL, MySQL and MariaDB a result that the planner
    expects to fit one chunk takes an EXPLAIN and one plain query; a larger one is read in a
    read-only transaction on a private connection, which is closed when the loop ends; inside
    atomic() it is read by a cursor in that transaction. docs/stream.md has the whole table.

    Holds one chunk: `chunk_size` rows, or as many as fit `max_bytes` bytes (2,000 rows at
    most, the first few at once). On a private connection on PostgreSQL a thread fetches the
    next one while the caller works on this one, and both together keep to `max_bytes`;
    `read_ahead=False` forbids that.
    `private=True` insists on a private connection, `private=False` forbids one.

    Raises TypeError or ValueError at the call for wrong arguments; at the first row
    NotSupportedError where `private=True` cannot be assured, or inside atomic() on MySQL for a
    query without an order; StreamInterrupted where the connection or transaction ends
    before the rows do.
    """
    chunkqs_settings()  # raises at the call if they are wrong
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
    throttle: Throttle | None = None,
) -> LazyRows[Row]:
    """Walk the rows by keyset: each chunk is one short query after the last row.

    Yields what the queryset yields, in its own order or else by primary key. Nothing is
    held open between the chunks, so the walk sees the table as it is at each of them, can
    last for days, and can be resumed: `rows.position` is the token of the last row
    handed out, `after=token` resumes after it, `until=token` ends with that row.
    A walk that fits its first chunk is one query. Where that comes back full, three more follow
    before the first row: `bounded` looks up the last row and ends there, so that rows inserted
    after it don't prolong the walk; the session is read (4 or more queries on MySQL); and an
    EXPLAIN shows whether an index gives the order, else MissingIndexWarning says so.

    Outside a transaction a lost connection, a deadlock, a serialisation failure, a recovery
    conflict or a timeout costs no row: the chunk is queried again, up to `retries` times
    in a row, after growing pauses. A connection is replaced only by one whose session is the
    same. docs/keyset.md has the details.

    `throttle()` is called before each chunk and returns how many seconds to wait, 0 to go on:
    any callable, or one of chunkqs.throttles.

    Holds one chunk: `chunk_size` rows, or as many as fit `max_bytes` bytes (2,000 rows at
    most, the first few at once).

    Raises at the call: KeysetError for a query without an order to walk by, InvalidPosition
    for a token of another model or order, TypeError or ValueError for other wrong
    arguments. In the walk: KeysetError if a chunk does not come after the one before it, and the
    database's own error when the retries are used up or the session cannot be restored.
    """
    sizing = Sizing(checked_chunk_size(chunk_size, "chunk_size"), checked_max_bytes(max_bytes))
    return LazyRows(
        _keyset_plan(queryset, "keyset_iter", sizing, after, until, bounded, retries, throttle)
    )


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
    throttle: Throttle | None = None,
) -> LazyChunks[Row]:
    """Walk by keyset, as `keyset_iter()` does, and yield the rows in lists, `Chunk`s.

    `size`, or `chunk_size`, is the number of rows in each. Without it chunks grow while they fit
    `max_bytes` bytes (2,000 rows at most); with `target_seconds` a chunk has as many rows as one
    iteration of the caller's loop handles in that time, without the waits of `throttle`.

    A chunk has `.number`, `.position` and `.queryset`, its key range as a queryset. Runs the
    queries of `keyset_iter()`, and raises what that raises.
    """
    size = one_size(size, chunk_size)
    refuse_both(size, target_seconds)
    sizing = Sizing(
        checked_chunk_size(size, "size"),
        checked_max_bytes(max_bytes),
        checked_seconds(target_seconds),
    )
    plan = _keyset_plan(queryset, "chunks", sizing, after, until, bounded, retries, throttle)
    return LazyChunks(plan.chunked(sizing))


def _keyset_plan(
    queryset: Any,
    function: str,
    sizing: Sizing,
    after: Any,
    until: Any,
    bounded: Any,
    retries: Any,
    throttle: Any,
) -> KeysetPlan:
    checked_choice(bounded, "bounded", BOUNDED)
    keyset = keyset_of(checked_queryset(queryset, function))
    return KeysetPlan(
        keyset.queryset,
        sizing,
        keyset,
        _position(keyset, after),
        _position(keyset, until),
        throttle=checked_throttle(throttle),
        bounded=bounded,
        retries=checked_retries(retries),
    )


def _position(keyset: Keyset, token: Any) -> Position | None:
    return None if token is None else decode(keyset.signature, token)
