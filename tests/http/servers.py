"""Real servers over the test database, and clients that read slowly or leave."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

import psutil
from django.db import connection

from chunkqs.settings import MAX_PRIVATE_CONNECTIONS
from tests.support.leftovers import backends

TOP = Path(__file__).resolve().parents[2]

WSGI = ("gunicorn", "tests.http.wsgi:application", "--bind", "127.0.0.1:{port}")
GUNICORN = (*WSGI, "--log-level", "warning", "--graceful-timeout", "5")
ASGI = "tests.http.asgi:application"

#: What runs each server: a module of Python's and its arguments.
SERVERS = {
    "gunicorn": (*GUNICORN, "--worker-class", "gthread", "--threads", "32"),
    "gunicorn sync": (*GUNICORN, "--worker-class", "sync", "--workers", "6", "--preload"),
    "gunicorn gevent": (
        *(*GUNICORN, "--worker-class", "gevent"),
        *("--config", "python:tests.http.greenlets"),
    ),
    "uvicorn": ("uvicorn", ASGI, "--port", "{port}", "--log-level", "warning"),
    "hypercorn": ("hypercorn", ASGI, "--bind", "127.0.0.1:{port}", "--log-level", "warning"),
    "daphne": (
        "daphne",
        ASGI,
        "--bind",
        "127.0.0.1",
        "--port",
        "{port}",
        "--access-log",
        os.devnull,
    ),
}


class Server(NamedTuple):
    """A server that runs."""

    port: int
    process: psutil.Process
    log: Path | None

    def said(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text() if self.log else ""


@contextmanager
def running(
    name: str, log: Path | None = None, private_connections: int = MAX_PRIVATE_CONNECTIONS
) -> Iterator[Server]:
    """Run a server, which writes to `log` if that is given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [part.format(port=port) for part in SERVERS[name]]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.http.settings",
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        "PRIVATE_CONNECTIONS": str(private_connections),
    }
    arguments = [sys.executable, "-m", *command]
    with open(log or os.devnull, "wb") as written:
        output = written if log else None
        process = subprocess.Popen(
            arguments, cwd=TOP, env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(port)
        yield Server(port, psutil.Process(process.pid), log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server, and what it started; one that waits for its threads need not end by itself."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            assert get(port, "/hello") == b"hello"
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def get(port: int, path: str, method: str = "GET") -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        client.request(method, path)
        return client.getresponse().read()


class Slow:
    """A client that reads the beginning of a download, and holds it."""

    def __init__(self, port: int, path: str, *, waits: bool = True) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        if waits:
            self._socket.recv(4096)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._socket.close()

    def rest(self) -> int:
        with self._socket:
            return self._length()

    def _length(self) -> int:
        length = 0
        while part := self._socket.recv(1 << 20):
            length += len(part)
            if part.endswith(b"0\r\n\r\n"):
                break
        return length


class Sessions:
    """Counts the sessions on the test database that were opened since it was made."""

    def __init__(self) -> None:
        self._before = backends()

    def now(self) -> int:
        """Count those that are open."""
        return len(backends() - self._before)

    def at_least(self, number: int, seconds: float) -> int:
        """Wait for that many; return how many there are."""
        return self._wait(lambda now: now >= number, seconds)

    def at_most(self, number: int, seconds: float) -> int:
        """Wait until there are no more than that; return how many there are."""
        return self._wait(lambda now: now <= number, seconds)

    def _wait(self, is_enough: Callable[[int], bool], seconds: float) -> int:
        until = time.monotonic() + seconds
        while not is_enough(now := self.now()) and time.monotonic() < until:
            time.sleep(0.02)
        return now
