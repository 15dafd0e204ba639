"""A chunk: a list of rows that is a queryset too."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.db.models import QuerySet

from .keyset import Position
from .walks import Piece, Walk

Row = TypeVar("Row")


class Chunk(list[Row]):
    """A list of rows that knows its number, its position and the queryset that it came from."""

    number: int
    """Counted from 0."""
    last: Position | None
    _before: Position | None
    _walk: Walk

    @classmethod
    def of(cls, walk: Walk, number: int, piece: Piece, before: Position | None) -> Self:
        """Make a chunk of `piece`, which comes behind `before`."""
        chunk = cls(piece.rows)
        chunk.number = number
        chunk.last = piece.position(piece.block[-1]) if piece.position else None
        chunk._before = before
        chunk._walk = walk
        return chunk

    @property
    def position(self) -> str:
        """The token after the chunk's last row, for `after=`. No query.

        Raises KeysetError where the query has no total order (union, grouped values).
        """
        self._walk.needed_keyset()
        return self._walk.token(self.last or ())

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """The chunk's key range under the query's own filters: for update(), delete(), count().

        It names the range, not the rows: what has been inserted into the range since is in
        it, what has left the range or the filter is not. Raises KeysetError as `position`.
        """
        return self._walk.between(self._before, self.last)
