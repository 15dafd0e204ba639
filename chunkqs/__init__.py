"""Walk a Django table of any size in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    ChunkqsError,
    InvalidPosition,
    KeysetError,
    MissingIndexWarning,
    StreamInterrupted,
)
from .functions import chunks, keyset_iter, stream
from .lazy import Chunk, LazyChunks, LazyRows
from .queryset import (
    ChunkedManager,
    ChunkedManagerMixin,
    ChunkedQuerySet,
    ChunkedQuerySetMixin,
)

if TYPE_CHECKING:
    from .model import ChunkedModelMixin

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
    "LazyChunks",
    "LazyRows",
    "MissingIndexWarning",
    "StreamInterrupted",
    "chunks",
    "keyset_iter",
    "stream",
]


def __getattr__(name: str) -> Any:
    """Import the model mixin when it is asked for: a model cannot be made before setup()."""
    if name == "ChunkedModelMixin":
        from .model import ChunkedModelMixin

        return ChunkedModelMixin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
