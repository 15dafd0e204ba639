"""A chunk: a list of rows that is a queryset too."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.db.models import QuerySet

from .errors import KeysetError
from .keyset.keyset import Position
from .walks.plan import Piece, Walk

Row = TypeVar("Row")


class Chunk(list[Row]):
    """A list of rows that knows its number, its position and the queryset that it came from."""

    number: int = 0
    """Counted from 0."""
    last: Position | None = None
    _before: Position | None = None
    _walk: Walk | None = None

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
        walk = self._needed_walk()
        walk.needed_keyset()
        return walk.token(self.last or ())

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """The chunk's key range under the query's own filters: for update(), delete(), count().

        It names the range, not the rows: what has been inserted into the range since is in
        it, what has left the range or the filter is not. Raises KeysetError as `position`.
        """
        return self._needed_walk().between(self._before, self.last)

    def _needed_walk(self) -> Walk:
        if self._walk is None:
            raise KeysetError("Only a Chunk that came from chunks() has a position and a queryset.")
        return self._walk
