"""Clients of real servers that leave in the middle of plain views: what is open a second later."""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path

import pytest
from django.db import connection

from tests.http.plain import CONTENTS, WAYS
from tests.http.servers import SERVERS, Slow, running, wait_until
from tests.support.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]

ROWS = 1500
#: What Django reads into memory under ASGI: each warns once, at its line.
READ_INTO_MEMORY = ["rows", "rows that a middleware wraps", "a generator"]
#: What the log of a server must not have: none of it is an error of the view's.
COMPLAINTS = ["Exception ignored", "already executing", "never retrieved", "never awaited"]
VIEWS = ["plain", "async_plain"]
#: A WSGI server notices that a client has left when it sends, so not before a slow query ends.
ASGI_PACES = ["", "&slow=1"]


def contents(server: str) -> list[str]:
    """Return what a server can send: asgiref runs no coroutine where gevent has patched threads."""
    return [name for name in CONTENTS if "gevent" not in server or not name.startswith("a")]


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    User.objects.bulk_create(
        (User(name=f"user number {n}", email=f"user{n}@example.com") for n in range(ROWS)),
        batch_size=1000,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {User._meta.db_table}")


@pytest.mark.parametrize("name", SERVERS)
def test_nothing_is_open_a_second_after_the_clients_left(name: str, tmp_path: Path) -> None:
    is_asgi = not name.startswith("gunicorn")
    views = VIEWS[:1] if "gevent" in name else VIEWS
    left = {}
    with running(name, tmp_path / "log") as server:
        for way, pace in product(WAYS, ASGI_PACES if is_asgi else [""]):
            clients = [
                Slow(server.port, f"/{view}/{content}?way={way}{wrap}{pace}", waits=False)
                for view, content, wrap in product(views, contents(name), ["", "&wrap=1"])
            ]
            time.sleep(1)
            for client in clients:
                client.leave()
            left[way, pace] = wait_until(0, 1)
        said = server.said()
    assert set(left.values()) == {0}
    assert [complaint for complaint in COMPLAINTS if complaint in said] == []
    assert said.count(": LargeResultWarning: ") == (len(READ_INTO_MEMORY) if is_asgi else 0)
