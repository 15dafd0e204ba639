"""Walk a Django table of any size in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .chunk import Chunk
from .division_methods import parallel, partition, partitions
from .errors import (
    ChunkqsError,
    InvalidPosition,
    KeysetError,
    LargeResultWarning,
    MissingIndexWarning,
    SlowStartWarning,
    StreamInterrupted,
    WorkerDied,
)
from .functions import chunks, keyset_iter, stream
from .lazy import LazyChunks, LazyRows
from .paginator import KeysetPage, KeysetPaginator
from .partitions.partition import Partition
from .queryset import (
    ChunkedManager,
    ChunkedManagerMixin,
    ChunkedQuerySet,
    ChunkedQuerySetMixin,
)

if TYPE_CHECKING:
    from .model import ChunkedModelMixin
    from .views import KeysetListView

__version__ = "0.1.0"

__all__ = [
    "Chunk",
    "ChunkedManager",
    "ChunkedManagerMixin",
    "ChunkedModelMixin",
    "ChunkedQuerySet",
    "ChunkedQuerySetMixin",
    "ChunkqsError",
    "InvalidPosition",
    "KeysetError",
    "KeysetListView",
    "KeysetPage",
    "KeysetPaginator",
    "LargeResultWarning",
    "LazyChunks",
    "LazyRows",
    "MissingIndexWarning",
    "Partition",
    "SlowStartWarning",
    "StreamInterrupted",
    "WorkerDied",
    "__version__",
    "chunks",
    "keyset_iter",
    "parallel",
    "partition",
    "partitions",
    "stream",
]


def __getattr__(name: str) -> Any:
    """Import the model mixin and the view when they are asked for, not before setup()."""
    if name == "ChunkedModelMixin":
        from .model import ChunkedModelMixin

        return ChunkedModelMixin
    if name == "KeysetListView":
        from .views import KeysetListView

        return KeysetListView
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
