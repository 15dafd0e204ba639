"""One pass over the rows of a plan: fetch, build, and know how far the caller has got."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from enum import Enum
from threading import RLock, get_ident
from typing import Any
from weakref import WeakSet

from django.db import Error, connections

from ..databases.inherited_by_forks import INHERITED
from ..databases.reconnection import close_if_busy
from ..django_internals.compiler import Block
from ..errors import StreamInterrupted
from ..keyset.ranges_after_position import Position
from ..sources.running_query import RunningQuery
from ..sources.sizing import FixedSize, row_bound
from ..sources.source import Source
from ..sources.throttling import Pacing
from .block_builder import Builder, Built
from .cancelling import Turn
from .foreign_positions import UNKNOWN, Place
from .last_row_taken import Given, nothing_after
from .own_or_foreign_builder import builder
from .plan import Plan, Positioner


class State(Enum):
    """How a walk stands, and what its iterator does when it is asked for more."""

    GOING = "goes on"
    COMPLETE = "its rows ran out"
    LEFT = "its own iterator was closed"
    CLOSED = "it was closed before its rows ran out, by close() or the end of a `with` elsewhere"
    FAILED = "an error ended it before its rows ran out"


#: What the caller gets of the rows of a chunk: themselves, or the one Chunk that they are.
Items = Callable[["Walk", Built], list[Any]]

#: Every walk, to be told of a fork.
WALKS: WeakSet[Walk] = WeakSet()


class Walk:
    """One pass over the rows of a plan.

    Several threads may ask for its rows: each row is handed out once, and what goes wrong in
    one of them is not taken for the end of the rows in another.
    """

    def __init__(self, plan: Plan, items: Items) -> None:
        self._plan = plan
        self._as_items = items
        self._lock = RLock()
        self._turn = Turn()
        self._state = State.GOING
        self._source: Source | None = None
        self._builder: Builder | None = None
        self._process = os.getpid()
        self._opening = RunningQuery()
        self._given = nothing_after(Place(plan.after))
        self.number = -1
        """The number of the chunk at hand, from 0."""
        self.is_written = False
        """Whether its rows are parts of an export that the server has written."""
        self.count: int | None = None
        """The number of rows, once it was asked for."""
        WALKS.add(self)

    @property
    def label(self) -> str:
        """The name of the model, for messages."""
        return str(self._plan.queryset.model._meta.label)

    @property
    def is_going(self) -> bool:
        """Whether it has begun or may begin, and has not ended."""
        return self._state is State.GOING

    @property
    def is_complete(self) -> bool:
        """Whether its rows ran out."""
        return self._state is State.COMPLETE

    @property
    def before(self) -> Position | None:
        """The position of the last row before those that were handed out last."""
        return self.position_of(self._given.before)

    @property
    def position(self) -> Position | None:
        """The position of the last row that was handed out."""
        return self.position_of(self._given.raw_row)

    def position_of(self, raw_row: Any) -> Position | None:
        """Return where a raw row stands, if the rows have positions."""
        if self._positioner is None:
            return self._plan.after
        return raw_row.position if isinstance(raw_row, Place) else self._positioner(raw_row)

    def advance(self) -> Iterator[Any] | None:
        """Return what the caller gets next; None at the end, when everything is closed.

        Raise StreamInterrupted where something else than the end of the rows has ended the walk.
        """
        if os.getpid() != self._process:
            raise StreamInterrupted(
                "This walk is read by the process that began it. Begin another one in the forked "
                "process, where a keyset walk can go on from rows.position."
            )
        with self._lock:  # wait for the thread that advances
            if self._given.left:
                return self._given.items
            if self._turn.is_going_on:
                raise RuntimeError(
                    "The rows of this walk were asked for while they are being built. Begin "
                    "another iter() for an inner loop."
                )
            if self._state is not State.GOING:
                self._refuse_early_end()
                return None
            self._refuse_other_connection()
            return self._advance()

    def _refuse_early_end(self) -> None:
        if self._state in {State.CLOSED, State.FAILED}:
            raise StreamInterrupted(
                f"This walk of {self.label} has ended early: "
                f"{self._state.value}. Its other rows were not handed out. Begin a new iter(); "
                "a keyset walk can go on from rows.position."
            )

    def _refuse_other_connection(self) -> None:
        """Raise where a keyset walk goes on in a thread that has a connection of its own."""
        source = self._source
        if source is None or get_ident() == self._thread or not source.is_of_one_thread:
            return
        if connections[self._alias] is not self._connection and (
            not self._connection.allow_thread_sharing
        ):
            raise RuntimeError(
                "This walk reads on the connection of the thread that began it. Iterate there "
                "and hand the rows to other threads, or begin a walk in this one, with "
                "after=rows.position to go on."
            )

    def _advance(self) -> Iterator[Any] | None:
        try:
            self._turn.begin()
            # Only the caller holds the rows while the next ones are on their way.
            self._given = nothing_after(self._given.last)
            self._given, is_end = self._next_given()
        except BaseException as error:
            self._end(State.FAILED)
            if self._connection is not None and not isinstance(error, self._errors):
                close_if_busy(self._connection)  # a signal may have raised it, in mid-query
            raise
        else:
            if is_end:
                self._end(State.COMPLETE)
            return None if is_end else self._given.items
        finally:
            self._turn.end()
            if self._state is not State.GOING:
                self._release()

    def _next_given(self) -> tuple[Given, bool]:
        """Build what the caller gets next."""
        built = (self._builder or self._open()).next()
        before = self._given.last
        if built is None:
            return self._given, True
        self.number += 1
        items = self._as_items(self, built)
        # Rows that are not one for each raw row have no places among them.
        is_aligned = len(built.block) == len(items)
        block = built.block if is_aligned else [Place(UNKNOWN)] * len(items)
        last = before if built.last is None else built.last
        return Given(before, iter(items), len(items), block, last), False

    def _fetch(self) -> Block:
        """Fetch the next block."""
        if self._source is None:
            return []
        if not self.is_going:  # ended from elsewhere while the source was opened
            self._refuse_early_end()
            return []
        # The next block may be read in another way, its raw rows with other key values.
        self._given = nothing_after(Place(self.position))
        self._sizes.next_turn(self._pacing.wait() if self._pacing else 0.0)
        block = self._source.fetch(self._sizes.rows)
        if block:
            self._sizes.block_arrived(len(block))
        return block

    def _open(self) -> Builder:
        plan = self._plan
        self._alias = plan.queryset.db
        self._connection, self._thread = connections[self._alias], get_ident()
        self._errors = (Error, self._connection.Database.Error)
        opened, self._positioner = plan.open(self._connection, self._opening)
        self._source = opened.source
        self.is_written = opened.is_written
        if plan.throttle is not None:
            self._pacing = Pacing(plan.throttle, self.label)
        self._sizes = plan.sizing.start(opened.source.blocks_held, row_bound(opened.compiler))
        self._builder = builder(
            plan, opened, self._positioner, self._fetch, self._sizes, self._alias
        )
        return self._builder

    # What _open() sets.
    _alias: str
    _connection: Any = None
    _thread: int
    _errors: tuple[type[Exception], ...] = (Error,)
    _sizes: FixedSize
    _positioner: Positioner | None = None
    _pacing: Pacing | None = None

    def leave(self) -> None:
        """End the walk by its own iterator: it was closed or dropped."""
        self._close(State.LEFT)

    def close(self) -> None:
        """End the walk, with its cursor and private connection, from whichever thread.

        Its iterator raises StreamInterrupted when it is asked for more.
        """
        self._close(State.CLOSED)

    def _close(self, state: State) -> None:
        if not self._lock.acquire(blocking=False):
            # The thread that advances will notice. It need not wait for its query.
            self._end(state)
            if os.getpid() == self._process:
                self._turn.cancel(lambda: self._source or self._opening, self._errors)
            return
        try:
            self._end(state)
            if not self._turn.is_going_on:
                self._release()
        finally:
            self._lock.release()

    def _end(self, state: State) -> None:
        if self._state is State.GOING:
            self._state = state

    def _release(self) -> None:
        """Let go of the rows and the source. What is left of the rows is not handed out."""
        self.forget()
        self._builder = None  # it holds this walk, by what fetches for it
        source, self._source = self._source, None
        if source is not None and os.getpid() != self._process:
            INHERITED.append(source)
        elif source is not None:
            source.close()

    def forget(self) -> None:
        """Hand out no more of the rows: in a forked process, what is open is the parent's."""
        given = self._given
        self._given = nothing_after(Place(self.position))
        given.drop()
        if self._builder is not None:
            self._builder.forget()


def _forget_in_child() -> None:
    for walk in list(WALKS):
        walk.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
