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

from ..databases.answers import CopyFormat
from ..django_internals.routing import planning_alias
from ..errors import KeysetError
from ..exports.rows import rows_of
from ..keyset.keyset import Keyset, keyset_of
from ..keyset.query import KeysetQuery
from ..keyset.ranges_after_position import Position
from ..keyset.tokens import encode
from ..sources.column_types import read_types
from ..sources.copy_or_stream import CopyStream
from ..sources.keyset import KeysetSource
from ..sources.retries import Retries
from ..sources.running_query import RunningQuery
from ..sources.sizing import Sizing
from ..sources.stream import OpenSource, Stream, Wishes
from ..sources.throttling import Throttle
from .foreign_positions import UNKNOWN
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
    is_chunked: bool = False
    """Whether the caller gets the rows a chunk at a time, so that they are built so."""
    throttle: Throttle | None = None
    """Says how long to wait before each chunk."""

    method: ClassVar[str]

    @abstractmethod
    def open(
        self, connection: BaseDatabaseWrapper, opening: RunningQuery
    ) -> tuple[OpenSource, Positioner | None]:
        """Open the source of a walk; say where its raw rows stand, if they have positions."""

    @abstractmethod
    def rows(self) -> QuerySet[Any, Any]:
        """Return a queryset of the very rows of a walk, in its order."""

    def proven_rows(self) -> QuerySet[Any, Any]:
        """Return `rows()` for a query that runs now, by what the database has proven."""
        return self.rows()

    @abstractmethod
    def reverse(self) -> Plan:
        """Return the plan of the same rows from the other end."""

    @abstractmethod
    def chunked(self, sizing: Sizing) -> Plan:
        """Return the plan of the same rows in chunks, in a total order if the query has one."""

    @abstractmethod
    def exported(self, copy: CopyFormat) -> Plan:
        """Return the plan of the same rows as tuples, which the server may write itself.

        Raise TypeError for a query whose columns cannot be exported.
        """

    def between(self, after: Position | None, until: Position | None) -> QuerySet[Any, Any]:
        """Return the rows after `after`, up to and with `until`, as a plain queryset."""
        keyset = self.needed_keyset()
        connection = connections[planning_alias(self.queryset)]
        return keyset.filter(self._known(after), self._known(until), connection)

    def token(self, position: Position) -> str:
        """Return `position` as text."""
        return encode(self.needed_keyset().signature, self._known(position) or ())

    def _known(self, position: Position | None) -> Position | None:
        """Return `position`; raise KeysetError where it cannot be told which row is meant."""
        if position is UNKNOWN:
            raise KeysetError(
                f"The position of this walk of {self.queryset.model._meta.label} is unknown: the "
                "iterable class of its queryset builds rows other than those the query selects."
            )
        return position

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
    copy: CopyFormat | None = None
    """What the server is to write, where it can write an export itself."""

    method = "stream"

    def open(
        self, connection: BaseDatabaseWrapper, opening: RunningQuery
    ) -> tuple[OpenSource, Positioner | None]:
        queryset = self.queryset.using(connection.alias)
        query = KeysetQuery(self.keyset, connection) if self.keyset else None
        if query is not None:
            read_types(query, connection)
        kind = partial(CopyStream, copy=self.copy) if self.copy else Stream
        stream = kind(
            queryset,
            connection,
            self.sizing,
            self.wishes,
            by_keyset=partial(_open_by_keyset, queryset, connection),
            extra=tuple(query.extra) if query else (),
            opening=opening,
        )
        opened = stream.open()
        return opened, query.position if query else None

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
            return replace(self, sizing=sizing, is_chunked=True)
        # In the order as it is written: one cursor needs no index that serves it.
        ordered = keyset.filter(None, None, connections[planning_alias(self.queryset)])
        return replace(self, sizing=sizing, is_chunked=True, keyset=keyset, queryset=ordered)

    def exported(self, copy: CopyFormat) -> Plan:
        return replace(
            self,
            queryset=rows_of(self.queryset, as_text=copy.is_text),
            is_chunked=True,
            copy=copy,
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

    def open(
        self, connection: BaseDatabaseWrapper, opening: RunningQuery
    ) -> tuple[OpenSource, Positioner | None]:
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
            goes_on=partial(warn_of_missing_index, keyset, connection),
        )
        return OpenSource(source, query.compiler, retries if self.retries else None), query.position

    def rows(self) -> QuerySet[Any, Any]:
        return self.between(self.after, self.until)

    def proven_rows(self) -> QuerySet[Any, Any]:
        self._prove()
        return self.rows()

    def _prove(self) -> None:
        """Ask the catalogue, as after a position rows with a NULL are found only where one is known
        to be possible."""
        if self.after is not None or self.until is not None:
            self.needed_keyset().as_proven(connections[self.queryset.db])

    def reverse(self) -> Plan:
        self._prove()
        connection = connections[planning_alias(self.queryset)]
        keyset = self.needed_keyset().within(self.after, self.until, connection).reverse()
        return replace(self, queryset=keyset.queryset, keyset=keyset, after=None, until=None)

    def chunked(self, sizing: Sizing) -> Plan:
        return replace(self, sizing=sizing, is_chunked=True)

    def exported(self, copy: CopyFormat) -> Plan:
        callers = self.needed_keyset()
        keyset = replace(callers, source=rows_of(callers.source, as_text=copy.is_text))
        return replace(self, queryset=keyset.queryset, keyset=keyset, is_chunked=True)
