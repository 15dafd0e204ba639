"""Checks of the caller's arguments, at the call, before any query."""

from __future__ import annotations

import os
import reprlib
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.manager import BaseManager
from django.utils.connection import ConnectionDoesNotExist

from .django_internals.routing import planning_alias


def checked_queryset(queryset: Any, function: str) -> QuerySet[Any, Any]:
    """Return a clone of `queryset`, which later changes to it don't reach."""
    if isinstance(queryset, BaseManager):
        queryset = queryset.all()
    if not isinstance(queryset, QuerySet):
        raise TypeError(
            f"{function}() takes a QuerySet or a Manager, not {reprlib.repr(queryset)}. "
            "Give it Model.objects.all(), or what filter() returns."
        )
    alias = planning_alias(queryset)
    if alias not in connections:
        raise ConnectionDoesNotExist(
            f"{function}() of a queryset that uses the database {alias!r}, which is not "
            f"in DATABASES. Known are: {', '.join(connections)}."
        )
    clone = queryset.all()
    if clone is queryset:
        kind = type(queryset)
        raise TypeError(
            f"{function}() of a {kind.__module__}.{kind.__qualname__} that changes itself instead "
            "of a clone: all() has returned the very same queryset. Make it clone again, or give "
            f"{function}() a new queryset."
        )
    return clone


def checked_chunk_size(size: Any, name: str) -> int | None:
    """Return a number of rows, or None for sizes that adapt to the rows."""
    if size is None:
        return None
    if _positive_int(size, name, "rows") > MOST:
        raise ValueError(f"{name} must be a number of rows up to {MOST:,}, not {size:,}.")
    return int(size)


#: What a database takes for a number of rows to fetch, with room for one more.
MOST = 2**31 - 2


def checked_max_bytes(max_bytes: Any) -> int:
    """Return a number of bytes."""
    return _positive_int(max_bytes, "max_bytes", "bytes")


def checked_parts(n: Any, size: Any) -> tuple[int, int]:
    """Return how many partitions to make, or of how many rows; the other is 0."""
    if (n is None) == (size is None):
        raise TypeError(
            "partitions() takes one of n, how many to make, and size=, how many rows in each."
        )
    if n is not None:
        return _positive_int(n, "n", "partitions"), 0
    return 0, checked_chunk_size(size, "size") or 0


def _positive_int(value: Any, name: str, unit: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a number of {unit}, an int above 0, not {value!r}.")
    if value <= 0:
        raise ValueError(f"{name} must be a number of {unit} above 0, not {value!r}.")
    return value


def checked_retries(retries: Any) -> int:
    """Return how often in a row a chunk is retried."""
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise TypeError(f"retries must be a number of repetitions, an int, not {retries!r}.")
    if retries < 0:
        raise ValueError(f"retries must be 0 or more repetitions, not {retries!r}.")
    return retries


def checked_seconds(seconds: Any) -> float | None:
    """Return the time that an iteration of the caller's loop should take, or None."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"target_seconds must be a number of seconds above 0, not {seconds!r}.")
    if not 0 < seconds <= sys.float_info.max:
        raise ValueError(f"target_seconds must be a number of seconds above 0, not {seconds!r}.")
    return float(seconds)


def checked_workers(workers: Any, executor: Any) -> int:
    """Return how many workers there are: those of an executor, or one for each core."""
    if workers is not None:
        return _positive_int(workers, "workers", "processes")
    return getattr(executor, "_max_workers", None) or cores()


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked_executor(executor: Any) -> Executor | None:
    """Return an executor, or None for our own processes."""
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, such as ThreadPoolExecutor(), "
            f"not {executor!r}."
        )
    return executor


def checked_throttle(throttle: Any) -> Any:
    """Return a callable that returns how long to wait before a chunk, or None."""
    if throttle is not None and not callable(throttle):
        raise TypeError(
            f"throttle must be callable and return the seconds to wait, not {throttle!r}."
        )
    return throttle


def checked_function(func: Any) -> Callable[[Any], Any]:
    """Return a function to call on chunks."""
    if not callable(func):
        raise TypeError(f"func must be callable with a chunk, not {func!r}.")
    checked: Callable[[Any], Any] = func
    return checked


def checked_choice(value: Any, name: str, choices: dict[Any, str]) -> Any:
    """Return `value`; raise TypeError unless it is one of `choices`, which has their meanings."""
    if not any(value is choice for choice in choices):
        meanings = ", ".join(f"{choice} ({meaning})" for choice, meaning in choices.items())
        raise TypeError(f"{name} must be one of {meanings}, not {value!r}.")
    return value


def refuse_both(size: Any, target_seconds: Any) -> None:
    """Raise TypeError where chunks are given a size in rows and in seconds."""
    if size is not None and target_seconds is not None:
        raise TypeError("chunks() takes a size or target_seconds, not both.")


def one_size(size: Any, chunk_size: Any) -> Any:
    """Return the size of chunks, which has two names; raise TypeError where both are given."""
    if size is not None and chunk_size is not None:
        raise TypeError("chunks() takes size or chunk_size, which are the same, not both.")
    return chunk_size if size is None else size
