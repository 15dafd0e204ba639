"""What one process has to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """Which walk, over which rows, and how far."""

    way: str
    queryset: str
    limit: int | None = None
    seconds: float = float("inf")
    loops: int = 0
    """Turns of an empty loop that the caller works on each row."""
