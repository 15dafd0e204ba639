"""Checks of what callers give, at the call, before any query."""

from __future__ import annotations

import reprlib
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
    """Return a number of rows, or None for sizes that fit themselves to the rows."""
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
    """Return how often in a row a chunk is asked for again."""
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise TypeError(f"retries must be a number of repetitions, an int, not {retries!r}.")
    if retries < 0:
        raise ValueError(f"retries must be 0 or more repetitions, not {retries!r}.")
    return retries


def checked_seconds(seconds: Any) -> float | None:
    """Return the time that a turn of the caller's loop is to take, or None for no aim."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"target_seconds must be a number of seconds above 0, not {seconds!r}.")
    if not 0 < seconds < float("inf"):
        raise ValueError(f"target_seconds must be a number of seconds above 0, not {seconds!r}.")
    return float(seconds)


def checked_choice(value: Any, name: str, choices: dict[Any, str]) -> None:
    """Raise TypeError unless `value` is one of `choices`, which has their meanings."""
    if not any(value is choice for choice in choices):
        meanings = ", ".join(f"{choice} ({meaning})" for choice, meaning in choices.items())
        raise TypeError(f"{name} must be one of {meanings}, not {value!r}.")


def refuse_both(size: Any, target_seconds: Any) -> None:
    """Raise TypeError where chunks are given a size in rows and in seconds."""
    if size is not None and target_seconds is not None:
        raise TypeError("chunks() takes a size or target_seconds, not both.")


def one_size(size: Any, chunk_size: Any) -> Any:
    """Return the size of chunks, which has two names; raise TypeError where both are given."""
    if size is not None and chunk_size is not None:
        raise TypeError("chunks() takes size or chunk_size, which are the same, not both.")
    return chunk_size if size is None else size
