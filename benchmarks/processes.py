"""Starts the processes that measure, one at a time, and watches their memory from outside."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tools.children import child
from tools.measuring import Result

from .task import Task

ROOT = Path(__file__).resolve().parent.parent
#: Seconds between two looks at the memory of a walk.
INTERVAL = 0.05
#: Seconds after which a process is killed, and its walk counts as failed.
LIMIT_SECONDS = 900

Samples = list[tuple[float, int]]


@dataclass
class Memory:
    """What a process holds above what it held at the start, in bytes, by seconds from there."""

    process: psutil.Process
    samples: Samples = field(default_factory=list)

    def watch(self, ended: threading.Event) -> None:
        begin, start = time.monotonic(), self.process.memory_info().rss
        while not ended.wait(INTERVAL):
            try:
                grown = self.process.memory_info().rss - start
            except psutil.NoSuchProcess:
                return
            self.samples.append((time.monotonic() - begin, grown))

    @contextmanager
    def watched(self) -> Iterator[Samples]:
        """Take samples while the block runs."""
        ended = threading.Event()
        watcher = threading.Thread(target=self.watch, args=[ended])
        watcher.start()
        try:
            yield self.samples
        finally:
            ended.set()
            watcher.join()


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours."""
    return [sys.executable, "-m", module, *arguments]


def surroundings(url: str, driver: str) -> dict[str, Any]:
    """Return the folder and the environment of a process on one database with one driver."""
    environment = {
        **os.environ,
        "BENCH_DATABASE_URL": url,
        "BENCH_DRIVER": driver,
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
    }
    return {"cwd": ROOT, "env": environment}


def fill(url: str, driver: str, *rows: int) -> None:
    """Fill the tables of a database."""
    command = python("benchmarks.tables", *map(str, rows))
    subprocess.run(command, check=True, **surroundings(url, driver))


def run(task: Task, url: str, driver: str) -> tuple[Result, Samples]:
    """Measure one walk; return its result and its memory over time."""
    limited = {k: v for k, v in asdict(task).items() if v is not None and v != math.inf}
    command = python("benchmarks.measure", json.dumps(limited))
    with child(command, **surroundings(url, driver)) as measuring:
        overdue = threading.Timer(LIMIT_SECONDS, measuring.process.kill)
        overdue.start()
        try:
            messages = measuring.messages()
            if next(messages, None) is None:  # it says when the walk starts
                raise measuring.failure()
            with Memory(psutil.Process(measuring.process.pid)).watched() as samples:
                last = next(messages, None)
            if last is None:
                raise measuring.failure()
            return Result(**last["result"]), samples
        finally:
            overdue.cancel()
