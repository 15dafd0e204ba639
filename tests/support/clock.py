"""A clock that goes on only when it is told to."""

from __future__ import annotations

import pytest

from chunkqs import throttles
from chunkqs.sources import sizing, throttling


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def install(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let what a walk measures and waits go by a clock of the test's own."""
    clock = Clock()
    for module in (throttles, throttling, sizing):
        monkeypatch.setattr(module, "time", clock)
    return clock
