"""Worker processes, each with Django set up, that leave nothing open."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as futures_wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from typing import Any

from django.db import NotSupportedError

from ..errors import WorkerDied
from ..keyset.keyset import Keyset
from .worker_process import begin, run, surroundings
from .worker_task import Job, Outcome, Task

#: Seconds that a worker has to end when it is asked to.
PATIENCE = 5.0
#: Seconds between looks at the workers, while none of them is done.
INTERVAL = 1.0
#: Partitions that a worker has at most: one that it works on, and the next.
TASKS_EACH = 2


class QuietProcess(SpawnProcess):
    """A process that Ctrl-C does not reach, from its first moment on: it is for the parent."""

    def start(self) -> None:
        """Start with the signal held back, which `begin()` will ignore."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            super().start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ResultQueue(SimpleQueue[Any]):
    """What the workers send their results through."""

    def close_writer(self) -> None:
        """Close this process's end to write to, so that to read fails where no other has one."""
        self._writer.close()  # type: ignore[attr-defined]


class RecordingContext(SpawnContext):
    """Starts processes by `spawn`, and keeps them in mind."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []
        self.queues: list[ResultQueue] = []

    def SimpleQueue(self) -> Any:
        """Make a queue, which the executor will read from."""
        queue = ResultQueue(ctx=self)
        self.queues.append(queue)
        return queue

    def Process(self, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        """Make a process, which the caller will start."""
        process = QuietProcess(*args, **options)
        self.started.append(process)
        return process


class WorkerPool:
    """Processes that work on the tasks of one job."""

    def __init__(self, workers: int, job: Job) -> None:
        self._context = RecordingContext()
        # Which process works on which task: written without a lock, which a killed process
        # would never give back.
        self._slots = self._context.RawArray("q", workers * TASKS_EACH)
        self._tasks: list[Task | None] = [None] * len(self._slots)
        self._futures: list[Future[Outcome] | None] = [None] * len(self._slots)
        self._executor = ProcessPoolExecutor(
            workers,
            mp_context=self._context,
            initializer=begin,
            initargs=(surroundings(), job.pickled(), self._slots),
        )

    def submit(self, task: Task) -> Future[Outcome]:
        """Let a worker take the task up."""
        slot = next(n for n, one in enumerate(self._futures) if one is None or one.done())
        self._slots[slot] = 0
        future = self._executor.submit(run, slot, task)  # raises where a worker has died
        self._tasks[slot], self._futures[slot] = task, future
        return future

    def wait_for_one(self, futures: Collection[Future[Outcome]]) -> set[Future[Outcome]]:
        """Wait until one of the tasks is done, and return all that are.

        The executor does not notice that a worker has died which was in the middle of sending a
        result: it waits for the rest. So the processes are looked at now and then.
        """
        had_died = False
        while not (done := futures_wait(futures, INTERVAL, FIRST_COMPLETED).done):
            if had_died:
                raise BrokenProcessPool("A worker ended while it was sending a result.")
            had_died = any(process.exitcode is not None for process in self._context.started)
        return done

    def death(self, keyset: Keyset) -> Exception:
        """Return the error that says which worker ended, how, and what it was working on."""
        if unread := self._unread():
            return unread
        stubborn = self._end()
        codes = {
            process.pid: -signal.SIGTERM if process in stubborn else process.exitcode or 0
            for process in self._context.started
        }
        working = {
            pid: self._tasks[slot]
            for slot, pid in enumerate(self._slots)
            if pid and not _has_result(self._futures[slot])
        }
        dead = min(codes, key=lambda pid: (_suspicion(codes[pid]), pid not in working))
        task = working.get(dead)
        if task is not None:
            return WorkerDied(
                f"A worker {_ending(codes[dead])} in the middle of its work. {task.note(keyset)} "
                "What it had done of that is not known here.",
                task.token(keyset),
            )
        if codes[dead] < 0:
            return WorkerDied(f"A worker {_ending(codes[dead])} while it had no work.")
        return WorkerDied(
            f"A worker {_ending(codes[dead])} before it had any work. Workers import the main "
            'module: a script has to call parallel() under `if __name__ == "__main__":`.'
        )

    def _unread(self) -> Exception | None:
        """Return the error of a result that could not be read here: the pool ends of that, too."""
        for future in self._futures:
            if future is None or not future.done() or future.cancelled():
                continue
            error = future.exception()
            if error is not None and is_pool_broken(error) and error.__cause__ is not None:
                unread = RuntimeError(
                    "parallel(): what func has returned or raised could not be unpickled."
                )
                unread.__cause__ = error.__cause__
                return unread
        return None

    def close(self) -> None:
        """End the workers: at once, whatever they are working on."""
        if any(future is not None and not future.done() for future in self._futures):
            self._end()
        self._executor.shutdown(wait=True, cancel_futures=True)
        for process in self._context.started:
            if process.pid is not None:
                process.join()

    def _end(self) -> list[BaseProcess]:
        """End all workers; return those that had to be killed."""
        self._signal(lambda process: process.terminate())
        unended = self._unended(PATIENCE)
        stubborn = [process for process in self._alive() if process.sentinel in unended]
        self._signal(lambda process: process.kill())
        for process in stubborn:
            process.join()
        # A worker that has ended in the middle of sending a result owes the executor the rest,
        # which it waits for until nobody has the other end.
        for queue in self._context.queues:
            queue.close_writer()
        self._executor.shutdown(wait=True, cancel_futures=True)
        return stubborn

    def _unended(self, seconds: float) -> set[int]:
        """Wait so long for all to end; return the sentinels of those that have not."""
        until = time.monotonic() + seconds
        left = {process.sentinel for process in self._alive()}
        while left and (remaining := until - time.monotonic()) > 0:
            left.difference_update(wait(list(left), remaining))
        return left

    def _alive(self) -> list[BaseProcess]:
        """Return those that run, as far as is known: of one that the executor waits for at the
        moment, nobody else learns that it has ended."""
        return [process for process in self._context.started if process.is_alive()]

    def _signal(self, send: Callable[[BaseProcess], None]) -> None:
        for process in self._alive():
            with suppress(ProcessLookupError):
                send(process)


def _has_result(future: Future[Outcome] | None) -> bool:
    """Return whether a task came to its end, and its worker to the next."""
    if future is None or not future.done() or future.cancelled():
        return False
    return not is_pool_broken(future.exception())


def _suspicion(code: int) -> int:
    """Rank exit codes by how likely a process with it died first: of a signal, or by itself,
    before it was terminated along with the others."""
    if code < 0 and code != -signal.SIGTERM:
        return 0
    return {0: 3, -signal.SIGTERM: 2}.get(code, 1)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def is_pool_broken(error: BaseException | None) -> bool:
    """Return whether a worker ended before its task did."""
    return isinstance(error, BrokenProcessPool)


def refuse_without_children() -> None:
    """Raise NotSupportedError where this process may start no others: a daemonic one."""
    if multiprocessing.current_process().daemon:
        raise NotSupportedError(
            "parallel(): this process is daemonic, such as Celery's prefork workers are, and may "
            "have no children. Give threads, executor=ThreadPoolExecutor(), or a task of its own "
            "to each of partitions(), or run the worker with --pool=threads."
        )
