"""Starts the processes that measure, one at a time, and watches their memory from outside."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from .measure import Result, Task

ROOT = Path(__file__).resolve().parent.parent
#: Seconds between two looks at the memory of a walk.
INTERVAL = 0.05
#: After so many seconds a process is ended, and its walk counts as failed.
PATIENCE = 900


class FailedError(Exception):
    """A process ended without a result."""


@dataclass
class Memory:
    """What a process holds above what it held at the start, in bytes, by seconds from there."""

    process: psutil.Process
    samples: list[tuple[float, int]] = field(default_factory=list)

    def watch(self, ended: threading.Event) -> None:
        begin, start = time.monotonic(), self.process.memory_info().rss
        while not ended.wait(INTERVAL):
            try:
                grown = self.process.memory_info().rss - start
            except psutil.NoSuchProcess:
                return
            self.samples.append((time.monotonic() - begin, grown))


def python(module: str, *arguments: str, url: str, driver: str) -> dict[str, Any]:
    """Return what starts a process of ours on one database with one driver."""
    environment = {
        **os.environ,
        "BENCH_DATABASE_URL": url,
        "BENCH_DRIVER": driver,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
    }
    command = [sys.executable, "-m", module, *arguments]
    return {"args": command, "cwd": ROOT, "env": environment, "text": True}


def fill(url: str, driver: str, *rows: int) -> None:
    """Fill the tables of a database."""
    subprocess.run(
        **python("benchmarks.tables", *map(str, rows), url=url, driver=driver), check=True
    )


def run(task: Task, url: str, driver: str) -> tuple[Result, list[tuple[float, int]]]:
    """Measure one walk; return its result and its memory over time."""
    limited = {k: v for k, v in asdict(task).items() if v is not None and v != math.inf}
    how = python("benchmarks.measure", json.dumps(limited), url=url, driver=driver)
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(**how, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        overdue = threading.Timer(PATIENCE, process.kill)
        overdue.start()
        try:
            return _listen(process, errors)
        finally:
            overdue.cancel()
            process.kill()


def _listen(
    process: subprocess.Popen[str], errors: IO[str]
) -> tuple[Result, list[tuple[float, int]]]:
    assert process.stdout is not None
    if not process.stdout.readline():
        raise FailedError(_reason(process, errors))
    memory, ended = Memory(psutil.Process(process.pid)), threading.Event()
    watcher = threading.Thread(target=memory.watch, args=[ended])
    watcher.start()
    line = process.stdout.readline()
    ended.set()
    watcher.join()
    if not line:
        raise FailedError(_reason(process, errors))
    return Result(**json.loads(line)["result"]), memory.samples


def _reason(process: subprocess.Popen[str], errors: IO[str]) -> str:
    status = process.wait()
    errors.seek(0)
    text = errors.read().strip()
    return text.splitlines()[-1] if text else f"the process ended with status {status}"
