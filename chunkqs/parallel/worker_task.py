"""What each worker does: read the rows of a range, and call the caller's function on them."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import django
from django.apps import apps
from django.db import NotSupportedError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..databases import database_of
from ..databases.inherited_by_forks import leave_inherited
from ..databases.private_connection import session_of
from ..databases.session import SessionMismatch, errors_as_mismatch
from ..databases.shared_snapshot import joined_snapshot
from ..django_internals.compiler import compile_select
from ..django_internals.connections import disconnect
from ..django_internals.queries import unread
from ..keyset.keyset import Keyset, keyset_of
from ..keyset.tokens import encode
from ..partitions.partition import KeyRange
from ..sources.sizing import MAX_BYTES, SAMPLE, Sizing, row_bytes, values_of
from ..walks.plan import KeysetPlan, Plan

ADVICE = (
    "Workers are processes of their own, which import the function by its name: define it at the "
    "top level of a module. Or give threads, executor=ThreadPoolExecutor()."
)
#: Walks a plan chunk by chunk.
Walk = Callable[[Plan], Iterable[Any]]
RETRIES = 3


class Task(NamedTuple):
    """A range for one worker."""

    number: int
    range: KeyRange
    rows: int
    """How many rows there were when its end was looked up."""

    def token(self, keyset: Keyset) -> str:
        """Return the range as the token of a partition."""
        return self.range.partition(keyset, self.number, self.rows).token

    def note(self, keyset: Keyset) -> str:
        """Describe where in the rows the task is, to work on from there."""
        after = self.range.after
        position = "at the first row" if after is None else encode(keyset.signature, after)
        return (
            f"parallel() of {keyset.source.model._meta.label}: in partition {self.number}, "
            f"which begins {position if after is None else f'after {position!r}'}; "
            f"its token is {self.token(keyset)!r}."
        )


class Outcome(NamedTuple):
    """What a worker has made of a range."""

    results: list[Any]
    row_bytes: float
    """About how many bytes a row takes; 0 where there was none."""
    seconds: float
    """How long it took, the function included."""


class View(NamedTuple):
    """What the workers have to see: the caller's snapshot, by a session like the caller's."""

    snapshot: str | None = None
    session: Any = None
    """What decides which rows a session shows; None where there are no sessions."""


class Job:
    """A function, the queryset that it is for, and what its workers have to see.

    Pickles, and is unpickled once in each process, whatever executor carries it there.
    """

    def __init__(
        self, queryset: QuerySet[Any, Any], func: Callable[[Any], Any], walk: Walk, view: View
    ) -> None:
        self._queryset = queryset
        self._func = func
        self._walk = walk
        self._view = view
        self._keyset = keyset_of(queryset)
        self._thread = threading.local()
        self._opened: list[BaseDatabaseWrapper] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickled, (self.pickled(),)

    def pickled(self) -> bytes:
        """Return the job as bytes, which `unpickled()` reads when Django is set up."""
        return pickle.dumps((unread(self._queryset), self._func, self._walk, self._view))

    def refuse_unpicklable(self) -> None:
        """Raise TypeError where the function or the queryset cannot be sent to a process."""
        with _refused(f"func cannot be pickled: {self._func!r}"):
            pickle.dumps(self._func)
        if getattr(self._func, "__module__", "") == "__main__" and not _main_is_importable():
            raise TypeError(f"parallel(): func is in no module: {self._func!r}. {ADVICE}")
        with _refused(f"a queryset of {self._queryset.model._meta.label} cannot be pickled"):
            pickle.dumps(unread(self._queryset))

    def run(self, task: Task) -> Outcome:
        """Return what the function returns for each chunk of a range: mostly, there is one."""
        results: list[Any] = []
        weight, begin = 0.0, time.monotonic()
        for chunk in self._chunks(task):
            chunk.number = task.number
            weight = row_bytes([tuple(values_of(row)) for row in chunk[:SAMPLE]])
            results.append(self._func(chunk))
        return Outcome(results, weight, time.monotonic() - begin)

    def _chunks(self, task: Task) -> Iterator[Any]:
        """Yield the chunks of a range; those of a snapshot, when its transaction has ended."""
        connection = connections[self._queryset.db]
        plan = KeysetPlan(
            self._keyset.queryset,
            # One more than there were: a chunk that is not full is known to be the last.
            Sizing(task.rows + 1, MAX_BYTES),
            self._keyset,
            task.range.after,
            task.range.until,
            is_chunked=True,
            bounded=task.range.until is None,
            retries=RETRIES,
        )
        with self._seen_alike(connection):
            if self._view.snapshot is None:
                yield from self._walk(plan)
                return
            chunks = list(iter(self._walk(plan)))  # without a COUNT, which list() asks for
        yield from chunks

    @contextmanager
    def _seen_alike(self, connection: BaseDatabaseWrapper) -> Iterator[None]:
        """Let `connection` see what the caller's does while the block runs."""
        leave_inherited(connection)
        if connection.connection is None:
            self._opened.append(connection)
            connection.ensure_connection()
        with joined_snapshot(connection, self._view.snapshot):
            self._check_session(connection)
            yield

    def _check_session(self, connection: BaseDatabaseWrapper) -> None:
        """Raise NotSupportedError where this session might show other rows than the caller's."""
        if getattr(self._thread, "checked", None) is connection.connection:
            return
        if self._view.session is not None:
            statement = compile_select(self._queryset.all(), connection).statement
            try:
                session = statement and database_of(connection).session(statement)
                if session is not None:
                    with errors_as_mismatch("a worker's session could not be read"):
                        session.compare_with(self._view.session)
            except SessionMismatch as reason:
                raise refusal(f"a worker might not see the same rows: {reason}") from None
        self._thread.checked = connection.connection

    def close(self) -> None:
        """Close the connections that were opened for the job in threads of this process."""
        opened, self._opened = self._opened, []
        for connection in opened:
            disconnect(connection)


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise TypeError(f"parallel(): {what} ({error}). {ADVICE}") from error


def _main_is_importable() -> bool:
    """Return whether a process can import what this one began with: no shell, no `-c`."""
    main = sys.modules["__main__"]
    return getattr(main, "__spec__", None) is not None or hasattr(main, "__file__")


def described_session(
    queryset: QuerySet[Any, Any], connection: BaseDatabaseWrapper
) -> tuple[Any, Any]:
    """Return what decides which rows the caller's session shows, and its statement.

    Raise NotSupportedError where no other session could stand in for it.
    """
    database = database_of(connection)
    if not database.is_seen_by_others:
        raise refusal("the database is in memory, where only its own connection sees it")
    if not database.has_sessions:
        return None, None
    statement = compile_select(queryset, connection).statement
    if statement is None:
        return None, None
    try:
        with errors_as_mismatch("the session could not be read"):
            session = session_of(connection, statement)
            return session.describe(database.explain(statement)), statement
    except SessionMismatch as reason:
        raise refusal(f"workers might not see the same rows: {reason}") from None


def refusal(reason: str) -> NotSupportedError:
    return NotSupportedError(
        f"parallel(): {reason}. Workers have connections of their own, with what is in DATABASES "
        "and no more. Put it there, or work in this process, with chunks()."
    )


@lru_cache(maxsize=2)
def unpickled(pickled: bytes) -> Job:
    """Return the job that was pickled; the same one for each task of it."""
    if not apps.ready:
        django.setup()
    queryset, func, walk, view = pickle.loads(pickled)
    return Job(queryset.all(), func, walk, view)
