"""Downloads from real servers: many at once, and clients that leave."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from django.db import connection

from chunkqs import keyset_iter
from tests.http.plain import PADDING
from tests.http.servers import Slow, busy, get, running, wait_until
from tests.support.leftovers import BACKENDS
from tests.support.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 8000
DOWNLOADS = 20
#: What a worker may grow by while it sends 20 downloads of 40 MB at once.
MOST_GROWTH = 200 * 1024 * 1024
server = pytest.mark.parametrize("name", ["gunicorn", "uvicorn"])


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    User.objects.bulk_create(
        (User(name=f"user number {n}", email=f"user{n}@example.com") for n in range(ROWS)),
        batch_size=1000,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {User._meta.db_table}")


def memory(process: psutil.Process) -> int:
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])


@server
@pytest.mark.parametrize("path", ["/download", "/async", "/download?form=ndjson"])
def test_a_server_sends_the_export(name: str, path: str) -> None:
    rows = keyset_iter(User.objects.order_by("pk"))
    expected = b"".join(rows.ndjson() if "ndjson" in path else rows.csv())
    if name == "gunicorn" and path == "/async":
        path = "/download"
    with running(name) as server:
        assert get(server.port, path) == expected
        assert get(server.port, path, "HEAD") == b""


@server
@pytest.mark.database("postgresql", "mysql")
def test_many_downloads_at_once_and_half_of_the_clients_leave(name: str) -> None:
    with running(name) as server:
        get(server.port, "/download?wide=1")
        before = memory(server.process)
        with ThreadPoolExecutor(DOWNLOADS) as threads:
            clients = list(
                threads.map(lambda number: Slow(server.port, "/download?wide=1"), range(DOWNLOADS))
            )
            time.sleep(1)
            assert busy() <= 2 * DOWNLOADS
            held = busy()
            for client in clients[::2]:
                client.leave()
            left = wait_until(held // 2 + 1, 1)
            assert left <= held // 2 + 1
            peak = memory(server.process)
            lengths = list(threads.map(Slow.rest, clients[1::2]))
        assert min(lengths) > ROWS * len(PADDING)
        assert peak - before < MOST_GROWTH
        assert wait_until(0, 2) <= 1


@pytest.mark.database("postgresql")
def test_a_client_of_uvicorn_that_leaves_cancels_a_slow_query_within_a_second() -> None:
    with running("uvicorn") as server:
        client = Slow(server.port, "/download?slow=1")
        time.sleep(1)
        assert busy() >= 1
        client.leave()
        time.sleep(1)
        with connection.cursor() as cursor:
            cursor.execute(
                BACKENDS["postgresql"] + " AND state = 'active' AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchall() == []
