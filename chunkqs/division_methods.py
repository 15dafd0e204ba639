"""Dividing the rows of a queryset: into partitions, and among workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar, overload

from django.db import connections
from django.db.models import QuerySet

from .arguments import (
    checked_choice,
    checked_chunk_size,
    checked_executor,
    checked_function,
    checked_parts,
    checked_queryset,
    checked_workers,
)
from .chunk import Chunk
from .django_internals.routing import planning_alias
from .functions import Queries
from .keyset.keyset import keyset_of
from .lazy import LazyChunks
from .parallel.parent import ParallelResults, ParallelWishes
from .partitions.partition import KeyRange, Partition
from .partitions.partitioning import SizedPartitions, even_partitions

Row = TypeVar("Row")
Result = TypeVar("Result")

ORDERED = {True: "in the order of the rows", False: "as they are ready"}


@overload
def partitions(queryset: Queries[Any], n: int) -> list[Partition]: ...
@overload
def partitions(queryset: Queries[Any], *, size: int) -> Iterable[Partition]: ...
def partitions(
    queryset: Queries[Any], n: int | None = None, *, size: int | None = None
) -> Iterable[Partition]:
    """Divide the rows into key ranges that cover the queryset, each row in exactly one.

    `partitions(n)` returns a list of at most `n` partitions of about as many rows each: by the
    planner's statistics on PostgreSQL, in a few queries at any table size; elsewhere, and where
    the statistics are insufficient, by a COUNT and one query along the index for each.
    `partitions(size=5000)` returns a lazy iterable of partitions of exactly that many rows,
    counted along the index, one query for each; the last one has the rest.

    The first is open at its beginning and the last at its end, so that every row has its
    partition, wherever it is inserted. Each has `.number`, the expected `.rows` and a
    `.token`, which is also its `str()`. docs/tasks.md shows how to use them.

    Raises at the call: KeysetError for a query without an order to walk by, TypeError or
    ValueError for other wrong arguments.
    """
    number, rows = checked_parts(n, size)
    keyset = keyset_of(checked_queryset(queryset, "partitions"))
    return SizedPartitions(keyset, rows) if rows else even_partitions(keyset, number)


def partition(queryset: Any, partition: Partition | str) -> QuerySet[Any, Any]:
    """Return the rows of a partition, or of its token, in the order of the keys. No query.

    Further filters and orders apply within the partition. The filters may differ from those
    that the partition was made with; model and order must be the same.
    Raises InvalidPosition for a token of another model or order, or one that was changed.
    """
    keyset = keyset_of(checked_queryset(queryset, "partition"))
    after, until, nullable = KeyRange.of(keyset, partition)
    connection = connections[planning_alias(keyset.source)]
    return keyset.with_nulls(nullable).filter(after, until, connection)


def parallel(
    queryset: Queries[Row],
    func: Callable[[Chunk[Row]], Result],
    *,
    workers: int | None = None,
    chunk_size: int | None = None,
    ordered: bool = False,
    executor: Executor | None = None,
) -> ParallelResults[Result]:
    """Call `func` on the chunks of the rows in worker processes, and yield what it returns.

    The results come as they are ready, or with `ordered=True` in the order of the rows. There
    are `workers` processes, by default one for each core that this process may use; each is
    spawned, sets Django up and has its own connections. With `executor=`, any
    `concurrent.futures.Executor`, the work runs there: use threads for work that waits.

    On PostgreSQL all workers read one snapshot, on other databases the live table, chunk by
    chunk. Each chunk costs one query here, along the index, and one in its worker. Holds at
    most two results for each worker, and in a worker one chunk of `chunk_size` rows, or as
    many as fit 16 MiB: 2,000 at most, and up to 8,000 where `func` is done with them in a tenth of
    a second. The workers end when the loop ends, for whatever reason.

    Raises at the call: TypeError where `func` or the queryset cannot be pickled,
    NotSupportedError inside atomic() or in a daemonic process, KeysetError and others like
    `chunks()`. In the loop: what `func` raises, with a note of the partition and its position;
    WorkerDied when a worker was killed; NotSupportedError where the workers' sessions might
    see other rows than the caller's. docs/tasks.md has the details.
    """
    checked = checked_queryset(queryset, "parallel")
    keyset_of(checked)
    wishes = ParallelWishes(
        checked_workers(workers, executor),
        checked_chunk_size(chunk_size, "chunk_size"),
        checked_choice(ordered, "ordered", ORDERED),
        checked_executor(executor),
    )
    return ParallelResults(checked, checked_function(func), LazyChunks, wishes)
