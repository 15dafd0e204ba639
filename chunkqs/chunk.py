"""A chunk: a list of rows that has a queryset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Self, TypeVar

from django.db.models import QuerySet

from .django_internals.queries import unread
from .errors import KeysetError
from .keyset.ranges_after_position import Position
from .walks.block_builder import Built
from .walks.plan import Plan
from .walks.walk import Walk

Row = TypeVar("Row")


@dataclass(frozen=True)
class Origin:
    """The key range that a chunk was read from."""

    plan: Plan
    before: Position | None
    last: Position | None

    @property
    def position(self) -> str:
        """The token after the last row."""
        self.plan.needed_keyset()
        return self.plan.token(self.last or ())

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """The range as a queryset."""
        return self.plan.between(self.before, self.last)


class PickledOrigin(NamedTuple):
    """What a pickled chunk keeps of its origin."""

    position: str
    queryset: QuerySet[Any, Any]


class Chunk(list[Row]):
    """A list of rows that knows its number, its position and its queryset.

    It pickles as these, without running a query: the queryset is pickled as its `query`.
    """

    number: int = 0
    """Counted from 0."""
    _origin: Origin | PickledOrigin | None = None

    @classmethod
    def of(cls, plan: Plan, walk: Walk, built: Built) -> Self:
        """Make the chunk that `walk` has come to, of the rows that were built."""
        chunk = cls(built.rows)
        chunk.number = walk.number
        chunk._origin = Origin(plan, walk.before, walk.position_of(built.last))
        return chunk

    @property
    def position(self) -> str:
        """The token after the chunk's last row, for `after=`. No query.

        Raises KeysetError where the query has no total order (union, grouped values).
        """
        return self._needed_origin().position

    @property
    def queryset(self) -> QuerySet[Any, Any]:
        """The chunk's key range under the query's own filters: for update(), delete(), count().

        It is the range, not the rows: rows inserted into the range since are in it, rows that
        have left the range or the filter are not. Raises KeysetError as `position`.
        """
        return self._needed_origin().queryset.all()

    def _needed_origin(self) -> Origin | PickledOrigin:
        if self._origin is None:
            raise KeysetError(
                "Only a Chunk from chunks() in a total order has a position and a queryset."
            )
        return self._origin

    def __getattr__(self, name: str) -> NoReturn:
        """Raise AttributeError; for a queryset's method, say where to call it instead."""
        if hasattr(QuerySet, name) and not name.startswith("_"):
            raise AttributeError(
                f"A Chunk is a list of rows and has no {name}(). Use chunk.queryset.{name}(), "
                "which covers the chunk's key range.",
                name=name,
                obj=self,
            )
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        origin = self._origin
        if origin is not None:
            try:
                origin = PickledOrigin(origin.position, unread(origin.queryset))
            except KeysetError:
                origin = None
        return type(self)._unpickled, (list(self), self.number, origin)

    @classmethod
    def _unpickled(cls, rows: list[Row], number: int, origin: PickledOrigin | None) -> Self:
        chunk = cls(rows)
        chunk.number = number
        chunk._origin = origin
        return chunk
