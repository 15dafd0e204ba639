"""The errors that chunkqs raises on its own account, and its warning."""

from __future__ import annotations

from django.db import OperationalError


class ChunkqsError(Exception):
    """Any error that is chunkqs's own, rather than Django's or the database's."""


class KeysetError(ChunkqsError):
    """The query has no order that a keyset walk can follow, or a walk left its order."""


class InvalidPosition(ChunkqsError, ValueError):
    """A token that was not made by chunkqs, not for this order, or was changed on its way."""


class StreamInterrupted(ChunkqsError, OperationalError):
    """A walk was ended before its rows ran out, with its connection or transaction or by itself."""


class MissingIndexWarning(RuntimeWarning):
    """No index supports the order of a walk by keyset: each chunk sorts the whole result."""
