"""The line of the caller's code, where warnings are shown."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple

import asgiref
import django


def _home(module: ModuleType) -> str:
    return str(Path(module.__file__ or "").parent) + os.sep


#: What stands between the caller's line and ours: this package, Django, and what runs threads.
BETWEEN = (
    str(Path(__file__).parent) + os.sep,
    *map(_home, (django, asgiref, asyncio, concurrent.futures)),
    str(threading.__file__),
)


class Line(NamedTuple):
    """A line of code, as the `warnings` module wants to know it."""

    filename: str
    number: int
    module: str
    registry: dict[Any, Any]


#: The line of the loop on whose behalf a thread of Django's works.
_waiting: ContextVar[Line | None] = ContextVar("chunkqs waiting line", default=None)


@contextmanager
def waiting(line: Line | None) -> Iterator[None]:
    """Let the threads that are asked within the block know the line that waits for them."""
    token = _waiting.set(line)
    try:
        yield
    finally:
        _waiting.reset(token)


def callers_line() -> Line | None:
    """Return the innermost line outside of this package and Django.

    In a thread of Django's, where no line of the caller's is running, return the one that waits.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(BETWEEN):
        frame = frame.f_back
    if frame is None:
        return _waiting.get()
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__") or "<unknown>"
    return Line(frame.f_code.co_filename, frame.f_lineno, module, registry)


def warn(message: str, category: type[Warning], line: Line | None = None) -> None:
    """Warn at `line`, by default the caller's; where there is none, at the one that asks for it."""
    line = line or callers_line()
    if line is None:
        warnings.warn(message, category, stacklevel=2)
        return
    warnings.warn_explicit(
        message, category, line.filename, line.number, line.module, line.registry
    )
