"""Errors that come from a signal handler, not from the code that they end."""

from __future__ import annotations

import signal
from functools import partial
from traceback import walk_tb
from types import CodeType
from typing import Any


def is_from_signal(error: BaseException) -> bool:
    """Return whether a signal handler raised `error`.

    A task queue's time limit does so, by an Exception. It can come up anywhere, and is never to be
    taken for an error of the code that it comes up in.
    """
    handlers = {_code(signal.getsignal(number)) for number in signal.valid_signals()}
    return any(frame.f_code in handlers for frame, _ in walk_tb(error.__traceback__))


def _code(handler: Any) -> CodeType | None:
    """Return the code of a handler; None where it is not written in Python."""
    while isinstance(handler, partial):
        handler = handler.func
    if callable(handler) and not hasattr(handler, "__code__"):
        handler = type(handler).__call__
    return getattr(handler, "__code__", None)
