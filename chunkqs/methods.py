"""The ways to walk as methods of querysets and managers.

They are the functions. Type checkers get definitions instead, of the same signatures (a test
compares them): mypy's plugin for Django puts no other kind of attribute onto the managers
that it makes of a QuerySet class (`as_manager()`, `from_queryset()`, related managers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import division_methods, functions
from .chunk import Chunk
from .functions import Queries
from .lazy import LazyChunks, LazyRows
from .parallel.parent import ParallelResults
from .partitions.partition import Partition
from .sources.sizing import MAX_BYTES
from .sources.throttling import Throttle

Row = TypeVar("Row")
Result = TypeVar("Result")

if TYPE_CHECKING:

    class ChunkedMethods:
        """Walk the rows, divide them into partitions, process them in parallel."""

        def stream(
            self: Queries[Row],
            *,
            chunk_size: int | None = None,
            max_bytes: int = MAX_BYTES,
            read_ahead: bool = True,
            private: bool | None = None,
        ) -> LazyRows[Row]: ...
        def keyset_iter(
            self: Queries[Row],
            *,
            chunk_size: int | None = None,
            max_bytes: int = MAX_BYTES,
            after: str | None = None,
            until: str | None = None,
            bounded: bool = True,
            retries: int = 3,
            throttle: Throttle | None = None,
        ) -> LazyRows[Row]: ...
        def chunks(
            self: Queries[Row],
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
        ) -> LazyChunks[Row]: ...
        @overload
        def partitions(self: Queries[Any], n: int) -> list[Partition]: ...
        @overload
        def partitions(self: Queries[Any], *, size: int) -> Iterable[Partition]: ...
        def partitions(
            self: Queries[Any], n: int | None = None, *, size: int | None = None
        ) -> Iterable[Partition]: ...
        def partition(self, partition: Partition | str) -> Any: ...
        def parallel(
            self: Queries[Row],
            func: Callable[[Chunk[Row]], Result],
            *,
            workers: int | None = None,
            chunk_size: int | None = None,
            ordered: bool = False,
            executor: Executor | None = None,
        ) -> ParallelResults[Result]: ...

else:

    class ChunkedMethods:
        stream = functions.stream
        keyset_iter = functions.keyset_iter
        chunks = functions.chunks
        partitions = division_methods.partitions
        partition = division_methods.partition
        parallel = division_methods.parallel
