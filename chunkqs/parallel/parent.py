"""The parent's side: hand out ranges, take results in, and end everything that was begun."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..databases.shared_snapshot import exported_snapshot
from ..django_internals.connections import in_transaction
from ..django_internals.routing import planning_alias
from ..keyset.keyset import keyset_of
from ..keyset.query import KeysetQuery
from ..partitions.boundaries_by_index import boundaries
from ..partitions.partition import KeyRange
from ..walks.missing_index import warn_of_missing_index
from .pool import TASKS_EACH, WorkerPool, is_pool_broken, refuse_without_children
from .task_sizes import TaskSizes
from .worker_task import Job, Outcome, Task, View, Walk, described_session, refusal

Result = TypeVar("Result")
#: Lets queries see what the workers see.
Reading = Callable[[], AbstractContextManager[Any]]


class ExecutorWorkers:
    """The caller's own executor, which goes on after the job."""

    def __init__(self, executor: Executor, job: Job) -> None:
        self._executor = executor
        self._job = job
        self._futures: set[Future[Outcome]] = set()

    def submit(self, task: Task) -> Future[Outcome]:
        """Give the task to the executor."""
        future = self._executor.submit(self._job.run, task)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def wait_for_one(self, futures: Collection[Future[Outcome]]) -> set[Future[Outcome]]:
        """Wait until one of the tasks is done, and return all that are."""
        return wait(futures, return_when=FIRST_COMPLETED).done

    def close(self) -> None:
        """Wait for what runs, and close the connections that were opened for it."""
        for future in list(self._futures):
            future.cancel()
        wait(list(self._futures))
        self._job.close()


@dataclass(frozen=True)
class ParallelWishes:
    """How the caller wants the work to be done."""

    workers: int
    chunk_size: int | None = None
    ordered: bool = False
    executor: Executor | None = None


class ParallelResults(Generic[Result]):
    """What a function returns for each chunk, as it comes: each `iter()` begins the work again.

    The workers end with the loop: when the rows run out, on `break` and on an exception.
    """

    def __init__(
        self,
        queryset: QuerySet[Any, Any],
        func: Callable[[Any], Result],
        walk: Walk,
        wishes: ParallelWishes,
    ) -> None:
        refuse_transaction(connections[planning_alias(queryset)])
        if keyset_of(queryset).info.is_locking:
            raise refusal("the locks of select_for_update() would end before func is called")
        if wishes.executor is None:
            Job(queryset, func, walk, View()).refuse_unpicklable()
            refuse_without_children()
        self._queryset = queryset
        self._func = func
        self._walk = walk
        self._wishes = wishes

    def __iter__(self) -> Generator[Result, None, None]:
        """Begin: the first query runs, and the first worker starts, with the first `next()`."""
        connection = connections[self._queryset.db]
        refuse_transaction(connection)
        session, statement = described_session(self._queryset, connection)
        with ExitStack() as stack:
            snapshot = stack.enter_context(exported_snapshot(connection, statement))
            view = View(snapshot.name if snapshot else None, session)
            workers = self._workers(Job(self._queryset, self._func, self._walk, view))
            stack.callback(workers.close)
            reading = snapshot.lent if snapshot else nullcontext
            yield from Run(self._queryset, workers, self._wishes, reading).results()

    def _workers(self, job: Job) -> ExecutorWorkers | WorkerPool:
        if self._wishes.executor is not None:
            return ExecutorWorkers(self._wishes.executor, job)
        return WorkerPool(self._wishes.workers, job)

    def __repr__(self) -> str:
        """Describe the work, without a query."""
        return f"<ParallelResults: of {self._queryset.model._meta.label}>"


class Run:
    """One pass over the rows: ranges to the workers, results to the caller."""

    def __init__(
        self,
        queryset: QuerySet[Any, Any],
        workers: ExecutorWorkers | WorkerPool,
        wishes: ParallelWishes,
        reading: Reading,
    ) -> None:
        self._connection = connections[queryset.db]
        self._keyset = keyset_of(queryset)
        self._workers = workers
        self._ordered = wishes.ordered
        self._most = TASKS_EACH * wishes.workers
        self._reading = reading
        self._query = KeysetQuery(self._keyset, self._connection)
        self._sizes = TaskSizes(wishes.chunk_size, self._query.compiler)

    def results(self) -> Iterator[Any]:
        """Yield the results of one task after the other. Two tasks for each worker are given out
        at a time; those whose results were not taken yet count."""
        tasks = self._tasks()
        given: dict[Future[Outcome], Task] = {}
        while True:
            while len(given) < self._most and (task := next(tasks, None)):
                given[self._submitted(task)] = task
            if not given:
                return
            future = self._next_done(given)
            task = given.pop(future)
            outcome = self._outcome(future, task)
            self._sizes.learn(task, outcome)
            yield from outcome.results

    def _submitted(self, task: Task) -> Future[Outcome]:
        try:
            return self._workers.submit(task)
        except Exception as error:
            self._raise_death(error)
            raise

    def _next_done(self, given: dict[Future[Outcome], Task]) -> Future[Outcome]:
        wanted = [next(iter(given))] if self._ordered else list(given)
        try:
            done = self._workers.wait_for_one(wanted)
        except Exception as error:
            self._raise_death(error)
            raise
        return next(future for future in wanted if future in done)

    def _outcome(self, future: Future[Outcome], task: Task) -> Outcome:
        try:
            return future.result()
        except Exception as error:
            self._raise_death(error)
            error.add_note(task.note(self._keyset))
            raise

    def _raise_death(self, error: Exception) -> None:
        """Raise what a pool is broken by: WorkerDied where a worker has died."""
        if isinstance(self._workers, WorkerPool) and is_pool_broken(error):
            reason = self._workers.death(self._keyset)
            raise reason from reason.__cause__

    def _tasks(self) -> Iterator[Task]:
        """Look up the end of one range after the other, along the index."""
        with self._reading():
            keyset = self._keyset.as_proven(self._connection)
        found = boundaries(keyset, self._connection, iter(self._sizes))
        after = None
        for number in count():
            with self._reading():
                boundary = next(found, None)
            if boundary is None or not boundary.rows:
                return
            if number == 1:
                statement = next(self._query.statements(after, None))(boundary.rows)
                warn_of_missing_index(self._keyset, self._connection, statement)
            key_range = KeyRange(after, boundary.position, keyset.nullable)
            yield Task(number, key_range, boundary.rows)
            after = boundary.position


def refuse_transaction(connection: BaseDatabaseWrapper) -> None:
    """Raise NotSupportedError inside a transaction, whose rows no worker would see. No query."""
    if in_transaction(connection) or not connection.settings_dict["AUTOCOMMIT"]:
        raise refusal(
            "inside a transaction (atomic(), or autocommit switched off) the workers would not "
            "see its rows, nor it theirs; call it outside"
        )
