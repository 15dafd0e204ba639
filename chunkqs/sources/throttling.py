"""Waiting before a chunk, as long as the caller's throttle says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import TIMEOUT_MAX
from typing import Any

logger = logging.getLogger("chunkqs")

#: Returns how many seconds to wait before the next chunk.
Throttle = Callable[[], float]


class Pacing:
    """The waits of one walk."""

    def __init__(self, throttle: Throttle, label: str) -> None:
        fresh = getattr(throttle, "fresh", None)
        self._throttle: Throttle = throttle if fresh is None else fresh()
        self._asks_again = bool(getattr(throttle, "asks_again", False))
        self._label = label

    def wait(self) -> float:
        """Wait before a chunk. Return the seconds that it took, with the throttle's own time."""
        began = time.monotonic()
        while seconds := self._asked():
            logger.debug("The walk of %s waits for %.2f seconds.", self._label, seconds)
            time.sleep(seconds)
            if not self._asks_again:
                break
        return time.monotonic() - began

    def _asked(self) -> float:
        seconds: Any = self._throttle()
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError(f"throttle must return the seconds to wait, a number, not {seconds!r}.")
        if not 0 <= seconds <= TIMEOUT_MAX:
            raise ValueError(
                f"throttle must return the seconds to wait, 0 or more, not {seconds!r}."
            )
        return seconds
