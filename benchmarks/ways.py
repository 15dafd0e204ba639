"""All that is measured: the ways of Django and chunkqs, and the peers beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import chunkqs
from tools.ways import IN_ATOMIC, Way
from tools.ways import WAYS as SHARED

from . import peers


def peer(rows: Callable[[Any], Iterable[Any]]) -> Way:
    """Make a way of a peer, which knows itself how many rows to fetch."""
    return Way(lambda queryset, chunk_size: rows(queryset))


WAYS: dict[str, Way] = {
    **SHARED,
    **IN_ATOMIC,
    "stream(read_ahead=False)": peer(lambda rows: chunkqs.stream(rows, read_ahead=False)),
    "stream(read_ahead=True)": peer(lambda rows: chunkqs.stream(rows, read_ahead=True)),
    "django-chunkator": peer(peers.chunkator_rows),
    "SQLAlchemy yield_per": peer(peers.sqlalchemy_rows),
    "driver's cursor": peer(peers.cursor_rows),
    "COPY to nowhere": peer(peers.copied_rows),
}
