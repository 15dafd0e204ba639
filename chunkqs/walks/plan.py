"""A walk: all that is known before the first query, and how a run of it goes."""

from __future__ import annotations

import gc
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet, prefetch_related_objects

from ..django_internals.compiler import Block
from ..django_internals.models import tracks_peers
from ..django_internals.queries import prefetch_lookups
from ..errors import KeysetError
from ..hydration.hydrator import hydrator
from ..keyset.keyset import Keyset, Position, keyset_of
from ..keyset.query import KeysetQuery
from ..keyset.tokens import encode
from ..sources.keyset import KeysetSource
from ..sources.requests import Request
from ..sources.retries import Retries
from ..sources.sizing import Sizes, Sizing
from ..sources.stream import Route, open_route
from .missing_index import warn_of_missing_index

#: Where a raw row stands in the order of a walk.
Positioner = Callable[[Any], Position]
Hydrate = Callable[[Block], list[Any]]

#: Python's garbage collector and the caches take to few new objects at a time.
ROWS_AT_ONCE = 100


class Piece(NamedTuple):
    """Rows on their way to the caller, the raw rows they were made of, and where those stand."""

    rows: list[Any]
    block: Block
    position: Positioner | None


class Built(NamedTuple):
    """Rows made of the first so many raw rows, and why of no more."""

    rows: list[Any]
    made_of: int
    error: Exception | None = None


Build = Callable[[Block], Built]


@contextmanager
def collector_waiting() -> Iterator[None]:
    """Let Python's garbage collector wait while rows are made that will all be kept.

    It goes by how many objects are new, and would look through every object of the program
    again and again, a quarter of the time of chunks(), to find that none of them is garbage.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _built(block: Block, hydrate: Hydrate, lookups: tuple[Any, ...]) -> Built:
    """Make the rows of `block`, with what is prefetched for them."""
    with collector_waiting():
        rows = hydrate(block)
    if lookups:
        prefetch_related_objects(rows, *lookups)
    return Built(rows, len(block))


def _built_apart(block: Block, hydrate: Hydrate) -> Built:
    """Make the rows of `block`, of which those before one that cannot be made are right.

    What a converter or the model's own code raises comes behind them, as it does in Django.
    """
    try:
        return Built(hydrate(block), len(block))
    except DatabaseError:
        raise
    except Exception:
        rows: list[Any] = []
        for number, raw_row in enumerate(block):
            try:
                rows += hydrate([raw_row])
            except Exception as error:
                return Built(rows, number, error)
        return Built(rows, len(block))


@dataclass(frozen=True)
class Walk(ABC):
    """What to read, and in which portions."""

    queryset: QuerySet[Any, Any]
    sizing: Sizing
    keyset: Keyset | None = None
    after: Position | None = None
    until: Position | None = None
    whole_chunks: bool = False

    method: ClassVar[str]

    def pieces(self) -> Generator[Piece, None, None]:
        """Run the walk from its beginning. What that opens is closed when this is."""
        alias = self.queryset.db
        route, position = self._open(connections[alias])
        with closing(route.source) as source:
            build = self._builder(self.queryset.using(alias), route)
            sizes = self.sizing.start(source.blocks_held)
            while block := source.fetch(sizes.rows):
                sizes.came(len(block))
                yield from self._pieces_of(block, build, sizes, position)
                del block  # which is not held while the next one is on its way

    def _pieces_of(
        self, block: Block, build: Build, sizes: Sizes, position: Positioner | None
    ) -> Iterator[Piece]:
        at_once = sys.maxsize if self._is_together else ROWS_AT_ONCE
        for start in range(0, len(block), at_once):
            part = block[start : start + at_once]
            rows, made_of, error = build(part)
            if start == 0:
                sizes.saw(part, rows)
            piece = Piece(rows, part[:made_of], position)
            # Only the caller holds the rows while the next ones are on their way.
            del rows, part
            yield piece
            del piece
            if error is not None:
                raise error

    @property
    def _is_together(self) -> bool:
        """Whether all rows of a chunk are built at a time.

        So they are where it is handed over as such, or is prefetched for, or its rows are each
        other's peers. Else it is a few at a time, which stay in the processor's caches.
        """
        prefetches = bool(prefetch_lookups(self.queryset))
        return self.whole_chunks or prefetches or tracks_peers(self.queryset)

    def _builder(self, queryset: QuerySet[Any, Any], route: Route) -> Build:
        """Return what makes rows of a block, again after a fault that passes."""
        hydrate = hydrator(queryset, route.compiler)
        if self._is_together:
            lookups = prefetch_lookups(queryset)
            return lambda block: route.attempt(partial(_built, block, hydrate, lookups))
        return lambda block: route.attempt(partial(_built_apart, block, hydrate))

    @abstractmethod
    def _open(self, connection: BaseDatabaseWrapper) -> tuple[Route, Positioner | None]:
        """Open the source of a run."""

    @abstractmethod
    def rows(self) -> QuerySet[Any, Any]:
        """Return a queryset of the walk's very rows, in its order."""

    @abstractmethod
    def reverse(self) -> Walk:
        """Return the same walk from the other end."""

    @abstractmethod
    def chunked(self, sizing: Sizing) -> Walk:
        """Return the same walk in other portions, in a total order if the query has one."""

    def between(self, after: Position | None, until: Position | None) -> QuerySet[Any, Any]:
        """Return the rows behind `after`, up to and with `until`, as a plain queryset."""
        keyset = self.needed_keyset()
        return keyset.filter(after, until, connections[self.queryset.db])

    def token(self, position: Position) -> str:
        """Return `position` as text."""
        return encode(self.needed_keyset().signature, position)

    def needed_keyset(self) -> Keyset:
        """Return the keyset; KeysetError where the walk has none."""
        if self.keyset is None:
            raise KeysetError(
                f"{self.method}() reads one cursor, whose rows have no position. "
                "Use keyset_iter() or chunks() for a walk that can be taken up again."
            )
        return self.keyset


@dataclass(frozen=True)
class StreamWalk(Walk):
    """One query, read through a server-side cursor or whatever fits the connection."""

    private: bool | None = None
    read_ahead: bool = True

    method = "stream"

    def _open(self, connection: BaseDatabaseWrapper) -> tuple[Route, Positioner | None]:
        extra = self.keyset.expressions if self.keyset else ()
        route = open_route(
            Request(
                queryset=self.queryset.using(connection.alias),
                connection=connection,
                extra=extra,
                chunk_size=self.sizing.chunk_size,
                max_bytes=self.sizing.max_bytes,
                private=self.private,
                read_ahead=self.read_ahead,
            )
        )
        position = KeysetQuery(self.keyset, connection).position if self.keyset else None
        return route, position

    def rows(self) -> QuerySet[Any, Any]:
        return self.queryset.all()

    def reverse(self) -> Walk:
        if not self.queryset.ordered:
            raise TypeError(
                "reversed() of a stream() without an order. Give it one with order_by(), "
                "or use keyset_iter(), which goes by the primary key."
            )
        return replace(self, queryset=self.queryset.reverse())

    def chunked(self, sizing: Sizing) -> Walk:
        try:
            keyset = keyset_of(self.queryset)
        except KeysetError:
            return replace(self, sizing=sizing, whole_chunks=True)
        return replace(
            self, sizing=sizing, whole_chunks=True, keyset=keyset, queryset=keyset.queryset
        )


@dataclass(frozen=True)
class KeysetWalk(Walk):
    """Short queries, each behind the last row of the one before."""

    bounded: bool = True
    retries: int = 0

    method = "keyset_iter"

    def _open(self, connection: BaseDatabaseWrapper) -> tuple[Route, Positioner | None]:
        keyset = self.needed_keyset()
        retries = Retries(connection, self.queryset.model._meta.label, self.retries)
        retries.run(partial(warn_of_missing_index, keyset, connection))
        query = KeysetQuery(keyset, connection)
        source = KeysetSource(query, connection, self.after, self.until, self.bounded, retries)
        return Route(source, query.compiler, retries), query.position

    def rows(self) -> QuerySet[Any, Any]:
        return self.between(self.after, self.until)

    def reverse(self) -> Walk:
        connection = connections[self.queryset.db]
        keyset = self.needed_keyset().within(self.after, self.until, connection).reverse()
        return replace(self, queryset=keyset.queryset, keyset=keyset, after=None, until=None)

    def chunked(self, sizing: Sizing) -> Walk:
        return replace(self, sizing=sizing, whole_chunks=True)
