"""Downloads from real servers: many at once, and clients that leave."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from django.db import connection

from chunkqs import keyset_iter
from tests.http.downloads import PADDING
from tests.support.leftovers import BACKENDS, backends
from tests.support.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 8000
DOWNLOADS = 20
#: What a worker may grow by while it sends 20 downloads of 40 MB at once.
MOST_GROWTH = 200 * 1024 * 1024
TOP = Path(__file__).resolve().parents[2]

SERVERS = {
    "gunicorn": [
        *("gunicorn", "tests.http.wsgi:application", "--worker-class", "gthread"),
        *("--threads", "32", "--bind", "127.0.0.1:{port}", "--log-level", "warning"),
    ],
    "uvicorn": [
        *("uvicorn", "tests.http.asgi:application", "--port", "{port}", "--log-level", "warning"),
    ],
}
server = pytest.mark.parametrize("name", SERVERS)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    User.objects.bulk_create(
        (User(name=f"user number {n}", email=f"user{n}@example.com") for n in range(ROWS)),
        batch_size=1000,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {User._meta.db_table}")


@contextmanager
def running(name: str) -> Iterator[tuple[int, psutil.Process]]:
    """Run a server; yield its port and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [part.format(port=port) for part in SERVERS[name]]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.http.settings",
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
    }
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=TOP, env=environment)
    try:
        wait_for(port)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


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


def memory(process: psutil.Process) -> int:
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])


class Slow:
    """A client that reads the beginning of a download, and holds it."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._socket.recv(4096)

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


def busy() -> int:
    """Count the sessions but this one: each download has its own and a private one."""
    return len(backends()) - 1


def wait_until(most: int, seconds: float) -> int:
    until = time.monotonic() + seconds
    while (number := busy()) > most and time.monotonic() < until:
        time.sleep(0.02)
    return number


@server
@pytest.mark.parametrize("path", ["/download", "/async", "/download?form=ndjson"])
def test_a_server_sends_the_export(name: str, path: str) -> None:
    rows = keyset_iter(User.objects.order_by("pk"))
    expected = b"".join(rows.ndjson() if "ndjson" in path else rows.csv())
    if name == "gunicorn" and path == "/async":
        path = "/download"
    with running(name) as (port, _):
        assert get(port, path) == expected
        assert get(port, path, "HEAD") == b""


@server
@pytest.mark.database("postgresql", "mysql")
def test_many_downloads_at_once_and_half_of_the_clients_leave(name: str) -> None:
    with running(name) as (port, process):
        get(port, "/download?wide=1")
        before = memory(process)
        with ThreadPoolExecutor(DOWNLOADS) as threads:
            clients = list(
                threads.map(lambda number: Slow(port, "/download?wide=1"), range(DOWNLOADS))
            )
            time.sleep(1)
            assert busy() <= 2 * DOWNLOADS
            held = busy()
            for client in clients[::2]:
                client.leave()
            left = wait_until(held // 2 + 1, 1)
            assert left <= held // 2 + 1
            peak = memory(process)
            lengths = list(threads.map(Slow.rest, clients[1::2]))
        assert min(lengths) > ROWS * len(PADDING)
        assert peak - before < MOST_GROWTH
        assert wait_until(0, 2) <= 1


@pytest.mark.database("postgresql")
def test_a_client_of_uvicorn_that_leaves_cancels_a_slow_query_within_a_second() -> None:
    with running("uvicorn") as (port, _):
        client = Slow(port, "/download?slow=1")
        time.sleep(1)
        assert busy() >= 1
        client.leave()
        time.sleep(1)
        with connection.cursor() as cursor:
            cursor.execute(
                BACKENDS["postgresql"] + " AND state = 'active' AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchall() == []
