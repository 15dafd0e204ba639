"""Downloads from real servers: many at once, and clients that leave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psutil
import pytest
from django.db import connection

from chunkqs import keyset_iter
from chunkqs.settings import MAX_PRIVATE_CONNECTIONS as MOST_PRIVATE
from chunkqs.sources.sizing import MAX_BYTES
from tests.http.plain import PADDING
from tests.http.servers import Sessions, Slow, get, running
from tests.support.models import User

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 8000
DOWNLOADS = 20
#: What a worker may grow by while it sends 20 downloads of 40 MB at once: a chunk for each.
MOST_GROWTH = DOWNLOADS * MAX_BYTES
#: For a busy machine: alone on one, what a client held is given back within 0.7 s.
PATIENCE_SECONDS = 10
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
    sessions = Sessions()
    with running(name) as server, ExitStack() as clients:
        get(server.port, "/download?wide=1")
        before = memory(server.process)

        def begin(number: int) -> Slow:
            return clients.enter_context(Slow(server.port, "/download?wide=1"))

        with ThreadPoolExecutor(DOWNLOADS) as threads:
            downloads = list(threads.map(begin, range(DOWNLOADS)))
            # That of each request, and the private ones.
            assert sessions.at_least(DOWNLOADS, PATIENCE_SECONDS) <= DOWNLOADS + MOST_PRIVATE
            for download in downloads[::2]:
                download.leave()
            most = DOWNLOADS // 2 + MOST_PRIVATE
            assert sessions.at_most(most, PATIENCE_SECONDS) <= most
            peak = memory(server.process)
            lengths = list(threads.map(Slow.rest, downloads[1::2]))
        assert min(lengths) > ROWS * len(PADDING)
        assert peak - before < MOST_GROWTH
        assert sessions.at_most(0, PATIENCE_SECONDS) == 0


@pytest.mark.database("postgresql")
def test_a_client_of_uvicorn_that_leaves_cancels_a_slow_query() -> None:
    sessions = Sessions()
    with running("uvicorn") as server, Slow(server.port, "/download?slow=1", waits=False) as client:
        assert sessions.at_least(2, PATIENCE_SECONDS) == 2
        client.leave()
        assert sessions.at_most(0, PATIENCE_SECONDS) == 0
