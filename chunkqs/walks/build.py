"""Rows built of a block: how many at a time, and what becomes of an error among them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from django.db import Error, connections
from django.db.models import QuerySet, prefetch_related_objects

from ..django_internals.compiler import Block
from ..django_internals.models import tracks_peers
from ..django_internals.queries import prefetch_lookups
from ..hydration.hydrator import hydrator
from ..sources.stream import OpenSource

Hydrate = Callable[[Block], list[Any]]

#: Hydrate 100 rows at a time: they stay in the CPU cache and don't trigger a collection.
ROWS_AT_ONCE = 100


class Built(NamedTuple):
    """Rows built of the first so many raw rows of a block, and why of no more."""

    rows: list[Any]
    block: Block
    error: Exception | None = None


Build = Callable[[Block], Built]


def builder(
    queryset: QuerySet[Any, Any], opened: OpenSource, *, whole_chunks: bool
) -> tuple[Build, int]:
    """Return what builds the rows of a block, and how many raw rows to give it at a time.

    All rows of a chunk are built together where it is handed over as such, is prefetched for,
    or its rows are each other's peers. After a transient error they are built again.
    """
    hydrate = hydrator(queryset, opened.compiler)
    lookups = prefetch_lookups(queryset)
    if whole_chunks or lookups or tracks_peers(queryset):
        build, at_once = partial(_build_together, hydrate=hydrate, lookups=lookups), sys.maxsize
    else:
        driver: Any = connections[queryset.db]
        passing = (Error, driver.Database.Error)
        build, at_once = partial(_build_apart, hydrate=hydrate, passing=passing), ROWS_AT_ONCE
    if opened.retries is None:
        return build, at_once
    run = opened.retries.run
    return lambda block: run(partial(build, block)), at_once


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's garbage collector while rows are built that will all be kept.

    It starts after so many new objects, and would look through every object of the program
    again and again, a quarter of the time of chunks(), to find that none of them is garbage.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _build_together(block: Block, hydrate: Hydrate, lookups: tuple[Any, ...]) -> Built:
    """Build the rows of `block`, with what is prefetched for them."""
    with collector_paused():
        rows = hydrate(block)
    if lookups:
        prefetch_related_objects(rows, *lookups)
    return Built(rows, block)


def _build_apart(block: Block, hydrate: Hydrate, passing: tuple[type[Exception], ...]) -> Built:
    """Build the rows of `block`, of which those before one that cannot be built are right.

    What a converter or the model's own code raises comes after them, as it does in Django. An
    error of the database (`passing`) passes at once: the whole block may be built again.
    """
    try:
        return Built(hydrate(block), block)
    except passing:
        raise
    except Exception:
        return _build_one_by_one(block, hydrate, passing)


def _build_one_by_one(
    block: Block, hydrate: Hydrate, passing: tuple[type[Exception], ...]
) -> Built:
    rows: list[Any] = []
    for number, raw_row in enumerate(block):
        try:
            rows += hydrate([raw_row])
        except passing:
            raise
        except Exception as error:
            return Built(rows, block[:number], error)
    return Built(rows, block)
