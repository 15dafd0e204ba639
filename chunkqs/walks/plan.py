"""A plan: what a walk will read, decided before any query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..errors import KeysetError
from ..keyset.keyset import Keyset, keyset_of
from ..keyset.predicates import Position
from ..keyset.query import KeysetQuery
from ..keyset.tokens import encode
from ..sources.keyset import KeysetSource
from ..sources.pacing import Throttle
from ..sources.retries import Retries
from ..sources.sizing import Sizing
from ..sources.stream import OpenSource, Stream, Wishes
from .missing_index import warn_of_missing_index

#: Where a raw row stands in the order of a walk.
Positioner = Callable[[Any], Position]


@dataclass(frozen=True)
class Plan(ABC):
    """What to read, in which order and in which portions. Opens the source of a walk."""

    queryset: QuerySet[Any, Any]
    sizing: Sizing
    keyset: Keyset | None = None
    after: Position | None = None
    until: Position | None = None
    whole_chunks: bool = False
    """Whether the caller gets the rows a chunk at a time, so that they are built so."""
    throttle: Throttle | None = None
    """Says how long to wait before each chunk."""

    method: ClassVar[str]

    @abstractmethod
    def open(self, connection: BaseDatabaseWrapper) -> tuple[OpenSource, Positioner | None]:
        """Open the source of a walk; say where its raw rows stand, if they have positions."""

    @abstractmethod
    def rows(self) -> QuerySet[Any, Any]:
        """Return a queryset of the very rows of a walk, in its order."""

    @abstractmethod
    def reverse(self) -> Plan:
        """Return the plan of the same rows from the other end."""

    @abstractmethod
    def chunked(self, sizing: Sizing) -> Plan:
        """Return the plan of the same rows in chunks, in a total order if the query has one."""

    def between(self, after: Position | None, until: Position | None) -> QuerySet[Any, Any]:
        """Return the rows after `after`, up to and with `until`, as a plain queryset."""
        keyset = self.needed_keyset()
        return keyset.filter(after, until, connections[self.queryset.db])

    def token(self, position: Position) -> str:
        """Return `position` as text."""
        return encode(self.needed_keyset().signature, position)

    def needed_keyset(self) -> Keyset:
        """Return the keyset; raise KeysetError where there is none."""
        if self.keyset is None:
            raise KeysetError(
                f"{self.method}() reads one cursor, whose rows have no position. "
                "Use keyset_iter() or chunks() for a walk that can be resumed."
            )
        return self.keyset


@dataclass(frozen=True)
class StreamPlan(Plan):
    """One query, read through a server-side cursor or whatever fits the connection."""

    wishes: Wishes = Wishes()

    method = "stream"

    def open(self, connection: BaseDatabaseWrapper) -> tuple[OpenSource, Positioner | None]:
        queryset = self.queryset.using(connection.alias)
        stream = Stream(
            queryset,
            connection,
            self.sizing,
            self.wishes,
            by_keyset=partial(_open_by_keyset, queryset, connection),
            extra=tuple(self.keyset.expressions) if self.keyset else (),
        )
        opened = stream.open()
        position = KeysetQuery(self.keyset, connection).position if self.keyset else None
        return opened, position

    def rows(self) -> QuerySet[Any, Any]:
        return self.queryset.all()

    def reverse(self) -> Plan:
        if not self.queryset.ordered:
            raise TypeError(
                "reversed() of a stream() without an order. Give it one with order_by(), "
                "or use keyset_iter(), which goes by the primary key."
            )
        return replace(self, queryset=self.queryset.reverse())

    def chunked(self, sizing: Sizing) -> Plan:
        try:
            keyset = keyset_of(self.queryset)
        except KeysetError:
            return replace(self, sizing=sizing, whole_chunks=True)
        return replace(
            self, sizing=sizing, whole_chunks=True, keyset=keyset, queryset=keyset.queryset
        )


def _open_by_keyset(queryset: QuerySet[Any, Any], connection: BaseDatabaseWrapper) -> OpenSource:
    """Open the rows of a stream by keyset, for a database whose cursors block the connection."""
    query = KeysetQuery(keyset_of(queryset.all()), connection)
    retries = Retries(connection, queryset.model._meta.label, 0)
    source = KeysetSource(query, connection, retries, look_up_end=True)
    return OpenSource(source, query.compiler)


@dataclass(frozen=True)
class KeysetPlan(Plan):
    """Short queries, each after the last row of the one before."""

    bounded: bool = True
    retries: int = 0

    method = "keyset_iter"

    def open(self, connection: BaseDatabaseWrapper) -> tuple[OpenSource, Positioner | None]:
        keyset = self.needed_keyset()
        retries = Retries(connection, self.queryset.model._meta.label, self.retries)
        query = KeysetQuery(keyset, connection)
        source = KeysetSource(
            query,
            connection,
            retries,
            after=self.after,
            until=self.until,
            look_up_end=self.bounded,
            goes_on=lambda statement: warn_of_missing_index(keyset, connection),
        )
        return OpenSource(source, query.compiler, retries), query.position

    def rows(self) -> QuerySet[Any, Any]:
        return self.between(self.after, self.until)

    def reverse(self) -> Plan:
        connection = connections[self.queryset.db]
        keyset = self.needed_keyset().within(self.after, self.until, connection).reverse()
        return replace(self, queryset=keyset.queryset, keyset=keyset, after=None, until=None)

    def chunked(self, sizing: Sizing) -> Plan:
        return replace(self, sizing=sizing, whole_chunks=True)
