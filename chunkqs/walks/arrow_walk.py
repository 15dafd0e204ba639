"""One pass over rows that become record batches of Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.connections import borrowed
from .block_builder import Built
from .iterators import WalkIterator
from .plan import Plan
from .walk import Walk

if TYPE_CHECKING:
    from ..exports.arrow import ArrowFormat

#: Bytes of text that are parsed together, and rows that are put together.
TEXT_BYTES = 1024 * 1024
ROWS = 65_536


def _together(walk: Walk, built: Built) -> list[Any]:
    """Hand out a list of rows as one item, or a part of what the server wrote."""
    return [part for (part,) in built.rows] if walk.is_written else [built.rows]


def batches(plan: Plan, form: ArrowFormat, connection: BaseDatabaseWrapper) -> Iterator[Any]:
    """Yield record batches, about 65,000 rows or a few megabytes each.

    Whoever takes them may do so in threads of its own, which wait for each other: the walk
    stays on `connection`, of the thread that has asked for it.
    """
    walk = Walk(plan, _together)
    items = _items(walk, connection)
    try:
        for item in items:
            yield from _texts(item, items, form) if walk.is_written else _rows(item, items, form)
    finally:
        walk.leave()


def _items(walk: Walk, connection: BaseDatabaseWrapper) -> Iterator[Any]:
    iterator: Iterator[Any] = WalkIterator.of(walk)
    while True:
        with borrowed(connection):
            item = next(iterator, None)
        if item is None:
            return
        yield item


def _texts(first: bytes, others: Iterator[bytes], form: ArrowFormat) -> Iterator[Any]:
    parts, size = [first], len(first)
    for part in others:
        parts.append(part)
        size += len(part)
        if size >= TEXT_BYTES:
            break
    yield from form.parse(b"".join(parts)).to_batches()


def _rows(first: list[Any], others: Iterator[list[Any]], form: ArrowFormat) -> Iterator[Any]:
    made = [form.batch(first)]
    number = len(first)
    for rows in others:
        made.append(form.batch(rows))
        number += len(rows)
        if number >= ROWS:
            break
    yield from form.joined(made)
