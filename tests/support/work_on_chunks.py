"""What the workers of the tests do. Importable, and slow or harmful on request."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.db import connection

from chunkqs import Chunk


def pks(chunk: Chunk[Any]) -> list[Any]:
    return [row.pk for row in chunk]


def pids(chunk: Chunk[Any]) -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def slow_pks(chunk: Chunk[Any]) -> list[Any]:
    time.sleep(0.05)
    return pks(chunk)


def first_last(chunk: Chunk[Any]) -> list[Any]:
    """Take longer for the first chunks, so that later ones overtake them."""
    time.sleep(max(0.0, 0.3 - 0.1 * chunk.number))
    return pks(chunk)


def describe(chunk: Chunk[Any]) -> dict[str, Any]:
    return {
        "number": chunk.number,
        "position": chunk.position,
        "rows": len(chunk),
        "queryset": list(chunk.queryset.values_list("pk", flat=True)),
        "kinds": {type(row).__name__ for row in chunk},
    }


def values(chunk: Chunk[Any]) -> list[Any]:
    return list(chunk)


def prefetched(chunk: Chunk[Any]) -> list[Any]:
    before = len(connection.queries_log)
    found = [(row.pk, row.user.name) for row in chunk]
    assert len(connection.queries_log) == before
    return found


def change(chunk: Chunk[Any]) -> int:
    return chunk.queryset.update(kind="changed")


class OwnError(Exception):
    """An error that does not come through a pickle."""

    def __init__(self, text: str, *, code: int) -> None:
        super().__init__(text)
        self.code = code


def fail(chunk: Chunk[Any]) -> list[Any]:
    if chunk.number == 2:
        raise ValueError(f"no good: {chunk[0].pk}")
    return pks(chunk)


def fail_by_own_error(chunk: Chunk[Any]) -> list[Any]:
    raise OwnError("by code", code=5)


def return_a_lambda(chunk: Chunk[Any]) -> Any:
    return lambda: 5


def die(chunk: Chunk[Any]) -> list[Any]:
    if chunk.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return pks(chunk)


def leave(chunk: Chunk[Any]) -> list[Any]:
    os._exit(7)


def kill_soon(chunk: Chunk[Any]) -> bytes:
    """Die while a result is on its way that is too large to be sent at once."""
    if chunk.number == 2:
        threading.Timer(0.03, os.kill, [os.getpid(), signal.SIGKILL]).start()
    return large(chunk)


def large(chunk: Chunk[Any]) -> bytes:
    return bytes(50_000_000)


def stay(chunk: Chunk[Any]) -> list[Any]:
    """Refuse to end, but for one of the workers, which is killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if chunk.number == 1:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return sleep(chunk)


class Unreadable:
    """Can be pickled, but not read again."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def return_unreadable(chunk: Chunk[Any]) -> Unreadable:
    return Unreadable()


def sleep(chunk: Chunk[Any]) -> list[Any]:
    time.sleep(60)
    return pks(chunk)


def sleep_but_once(chunk: Chunk[Any]) -> list[Any]:
    return pks(chunk) if chunk.number == 0 else sleep(chunk)


class Note:
    """Leaves a file for each chunk that was worked on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, chunk: Chunk[Any]) -> int:
        (self.folder / str(chunk.number)).touch()
        return chunk.number


class WaitFor:
    """Says that it has begun, then waits for a file before it reads on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, chunk: Chunk[Any]) -> list[Any]:
        (self.folder / f"begun-{chunk.number}").touch()
        while not (self.folder / "go").exists():
            time.sleep(0.01)
        return [(row.pk, row.kind) for row in chunk]
