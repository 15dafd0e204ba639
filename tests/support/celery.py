"""Real Celery workers of the example site, on the brokers that can be reached."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

TOP = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
REDIS = "redis://127.0.0.1:6379/9"
#: Where each broker would listen; none for folders, which need no server.
BROKERS = {
    "rabbitmq": ("amqp://guest:guest@127.0.0.1:5672//", 5672),
    "redis": (REDIS, 6379),
    "folders": ("filesystem://", None),
}


def is_installed() -> bool:
    return importlib.util.find_spec("celery") is not None


def reachable() -> list[str]:
    return [name for name, (_, port) in BROKERS.items() if port is None or listens(port)]


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def environment(broker: str, base: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a site whose queue is its own."""
    url, _ = BROKERS[broker]
    results = REDIS if listens(6379) and broker != "folders" else f"file://{folder / 'results'}"
    return {
        **base,
        "CELERY_BROKER_URL": url,
        "CELERY_RESULT_BACKEND": results,
        "CELERY_FOLDER": str(folder),
        "CELERY_QUEUE": f"chunkqs-{uuid.uuid4().hex}",
        "CELERY_VISIBILITY_TIMEOUT": "5",
    }


class Worker:
    """One worker, of one child process that does the tasks."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.log = Path(environment["CELERY_FOLDER"]) / "worker.log"

    def start(self) -> None:
        command = ["-m", "celery", "-A", "example_site.celery", "worker", "--concurrency", "1"]
        options = ["-Q", self.environment["CELERY_QUEUE"], "-l", "INFO", "--without-gossip"]
        options += ["-n", f"{uuid.uuid4().hex}@%h"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, *options, "--without-mingle"],
                env=self.environment, cwd=TOP, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        beginning = self.log.stat().st_size
        wait_for(lambda: " ready." in self.log.read_text()[beginning:], self.log)

    def kill(self) -> None:
        """Kill the worker and its children, as the system does when it runs out of memory."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_and_start(self) -> None:
        self.kill()
        self.start()

    def kill_child(self) -> None:
        """Kill the process that does the task, and leave the worker alive."""
        for child in psutil.Process(self.process.pid).children():
            child.kill()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.kill()


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[Worker]:
    running = Worker(environment)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def call(code: str, environment: dict[str, str]) -> str:
    """Run code in a process of the site; return what it prints."""
    preamble = "import django; django.setup()\nfrom example_site.celery import app\n"
    done = subprocess.run(
        [sys.executable, "-c", preamble + code],
        env=environment, cwd=TOP, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_for(holds: Callable[[], Any], log: Path | None = None) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        text = log.read_text()[-3000:] if log else ""
        assert time.monotonic() < until, f"waited in vain\n{text}"
        time.sleep(0.05)
