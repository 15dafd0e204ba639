"""Build the rows of a block, and keep an error among them until the rows before it are taken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from django.db import Error, connections
from django.db.models import QuerySet

from ..django_internals.compiler import Block
from ..hydration.garbage_collection import collector_paused
from ..hydration.hydrator import hydrator
from ..sources.sizing import FixedSize
from ..sources.stream import OpenSource
from .prefetching import prefetch
from .rows_at_once import few, takes_whole_chunks

Hydrate = Callable[[Block], list[Any]]


class Built(NamedTuple):
    """Rows built, and the raw rows that they were built of."""

    rows: list[Any]
    block: list[Any]
    """As many: the raw row of each of the rows, or its Place."""
    last: Any
    """The raw row, or Place, after which the next rows come: of the last row, or one left out."""
    error: Exception | None = None
    """Why no more rows could be built of the block."""


Build = Callable[[Block], Built]
Fetch = Callable[[], Block]


class Builder(Protocol):
    """Gives the rows of a walk, some at a time."""

    def next(self) -> Built | None:
        """Return the next rows; None at the end."""

    def forget(self) -> None:
        """Let go of what was fetched and not handed out."""


class BlockBuilder:
    """Builds the rows of one block after the other, `at_once` of them at a time."""

    def __init__(
        self, build: Build, fetch: Fetch, sizes: FixedSize, at_once: int, block: Block | None = None
    ) -> None:
        self._build = build
        self._fetch = fetch
        self._sizes = sizes
        self._at_once = at_once
        self._block = block or []
        self._built = 0
        self._error: Exception | None = None

    def next(self) -> Built | None:
        """Build the next rows, of a new block if the one at hand is used up."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if not self._block:
            self._block = self._fetch()
        if not self._block:
            return None
        is_new = not self._built
        part = self._block[self._built : self._built + self._at_once]
        self._built += len(part)
        if self._built == len(self._block):
            self.forget()
        built = self._build(part)
        if built.error is not None:
            self._error = built.error
            self.forget()
        if is_new:
            self._sizes.observe(part, built.rows)
        return built

    def forget(self) -> None:
        """Let go of the block."""
        self._block, self._built = [], 0


def block_builder(
    queryset: QuerySet[Any, Any],
    opened: OpenSource,
    fetch: Fetch,
    sizes: FixedSize,
    *,
    is_chunked: bool,
) -> BlockBuilder:
    """Return what builds rows as Django does, by code that is generated for them.

    After a transient error they are built again.
    """
    if opened.is_written:
        return BlockBuilder(_as_written, fetch, sizes, sys.maxsize)
    hydrate = hydrator(queryset, opened.compiler)
    if takes_whole_chunks(queryset, is_chunked=is_chunked):
        build, at_once = partial(_build_together, hydrate=hydrate, queryset=queryset), sys.maxsize
    else:
        driver: Any = connections[queryset.db]
        passing = (Error, driver.Database.Error)
        build, at_once = partial(_build_apart, hydrate=hydrate, passing=passing), few(queryset)
    return BlockBuilder(repeated(build, opened), fetch, sizes, at_once)


def _as_written(block: Block) -> Built:
    """Take the parts of an export that the server has written as they are."""
    return Built(block, block, block[-1])


def repeated(build: Build, opened: OpenSource) -> Build:
    """Return what builds again after a transient error, where the walk goes on after one."""
    if opened.retries is None:
        return build
    run = opened.retries.run
    return lambda block: run(partial(build, block))


def _build_together(block: Block, hydrate: Hydrate, queryset: QuerySet[Any, Any]) -> Built:
    """Build the rows of `block`, with what is prefetched for them."""
    with collector_paused():
        rows = hydrate(block)
    prefetch(rows, queryset)
    return Built(rows, block, block[-1])


def _build_apart(block: Block, hydrate: Hydrate, passing: tuple[type[Exception], ...]) -> Built:
    """Build the rows of `block`, of which those before one that cannot be built are right.

    What a converter or the model's own code raises comes after them, as it does in Django. An
    error of the database (`passing`) passes at once: the whole block may be built again. So does
    one that no row raises by itself: it came from elsewhere, as a signal does.
    """
    try:
        return Built(hydrate(block), block, block[-1])
    except passing:
        raise
    except Exception:
        built = _build_one_by_one(block, hydrate, passing)
        if built.error is None:
            raise
        return built


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
            return Built(rows, block[:number], block[number - 1] if number else None, error)
    return Built(rows, block, block[-1])
