"""The errors and warnings that are chunkqs's own."""

from __future__ import annotations

from django.db import OperationalError


class ChunkqsError(Exception):
    """The base of the errors that are chunkqs's own, rather than Django's or the database's."""


class KeysetError(ChunkqsError):
    """The query has no order that a keyset walk can follow, or a walk left its order."""


class InvalidPosition(ChunkqsError, ValueError):
    """A token that chunkqs did not make, that belongs to another order, or that was changed."""


class StreamInterrupted(ChunkqsError, OperationalError):
    """A walk ended before its rows ran out: it lost its connection, or was closed."""


class WorkerDied(ChunkqsError):
    """A worker process of parallel() ended before its partition was done."""

    def __init__(self, message: str, partition: str | None = None) -> None:
        super().__init__(message)
        self.partition = partition
        """The token of the partition, for `partition()`; None if the worker had none."""


class MissingIndexWarning(RuntimeWarning):
    """No index supports the order of a walk by keyset: each chunk sorts the whole result."""


class SlowStartWarning(RuntimeWarning):
    """A stream of a large result runs on the caller's connection, where it starts slowly."""


class LargeResultWarning(RuntimeWarning):
    """A result was read into memory as a whole.

    A queryset with CHUNKQS["WARN_ROWS"] rows or more, or the rows of a walk that Django
    sends under ASGI.
    """
