"""Python's garbage collector while rows are built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
