"""How many rows a worker is given at a time."""

from __future__ import annotations

from collections.abc import Iterator

from ..django_internals.row_loading import SQLCompiler
from ..sources.sizing import Sizing, row_bound
from .worker_task import Outcome, Task

#: To hand a task over takes milliseconds: where rows are done quickly, it gets as many of them as
#: take so many seconds, up to so many rows.
TASK_SECONDS = 0.1
MOST_ROWS = 8_000


class TaskSizes:
    """The caller's size, or one that is learnt from task to task."""

    def __init__(self, chunk_size: int | None, compiler: SQLCompiler) -> None:
        self._sizes = Sizing(chunk_size).start(1, row_bound(compiler))

    def __iter__(self) -> Iterator[int]:
        """Yield the size of one task after the other, without an end."""
        while True:
            yield self._sizes.rows

    def learn(self, task: Task, outcome: Outcome) -> None:
        """Learn from a task how many rows the next ones should have."""
        if not outcome.row_bytes:  # its rows were deleted before it was worked on
            return
        quick = int(task.rows * TASK_SECONDS / max(outcome.seconds, TASK_SECONDS / MOST_ROWS))
        self._sizes.allow_larger(min(quick, MOST_ROWS))
        self._sizes.learn(outcome.row_bytes)
