"""Clients of real servers that leave in the middle of plain views: nothing stays open."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest
from django.db import connection

from tests.http.plain import CONTENTS
from tests.http.servers import SERVERS, Sessions, Slow, running
from tests.support.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database("postgresql")]

ROWS = 1500
#: What Django reads into memory under ASGI: each warns once, at its line.
READ_INTO_MEMORY = ["rows", "rows that a middleware wraps", "a generator"]
#: What the log of a server must not have: none of it is an error of the view's.
COMPLAINTS = ["Exception ignored", "already executing", "never retrieved", "never awaited"]
VIEWS = ["plain", "async_plain"]
#: A stream on a private connection, beside that of the request, and a walk on the latter alone.
HELD = {"private": 2, "keyset": 1}
#: Each client shall have one.
MOST_PRIVATE = 16
#: The requests that a server answers at a time, where there are more clients.
WORKERS = {"gunicorn sync": 6}
#: Some 2 s for each row: nothing ends by itself before the clients leave. A WSGI server
#: notices that a client has left when it sends, so not before a slow query ends.
SLOW = "&slow=1"
#: daphne takes in all that a view sends, and does not wait for the client to read it.
PACES = {"uvicorn": ["", SLOW], "hypercorn": ["", SLOW], "daphne": [SLOW]}
#: For a busy machine: alone on one, what the clients held is given back within 0.4 s.
PATIENCE_SECONDS = 60


def contents(name: str) -> list[str]:
    """Return what a server sends.

    asgiref runs no coroutine where gevent has patched threads. Few workers shall hold what can
    be told beforehand.
    """
    is_any = name not in {"gunicorn gevent", "gunicorn sync"}
    return [content for content in CONTENTS if is_any or not content.startswith("a")]


def held_by(name: str, way: str, pace: str, content: str) -> int:
    """Return how many sessions are open while a client waits.

    What Django has read into memory for the server's protocol needs no private one any more.
    """
    is_read_as_it_is_sent = content.startswith("a") == (name in PACES)
    return HELD[way] if pace or is_read_as_it_is_sent else 1


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    User.objects.bulk_create(
        (User(name=f"user number {n}", email=f"user{n}@example.com") for n in range(ROWS)),
        batch_size=1000,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {User._meta.db_table}")


@pytest.mark.parametrize("name", SERVERS)
def test_nothing_stays_open_after_the_clients_left(name: str, tmp_path: Path) -> None:
    sessions = Sessions()
    with running(name, tmp_path / "log", MOST_PRIVATE) as server:
        for way, pace in product(HELD, PACES.get(name, [""])):
            paths = {
                f"/{view}/{content}?way={way}{wrap}{pace}": held_by(name, way, pace, content)
                for view in (VIEWS[:1] if "gevent" in name else VIEWS)
                for content, wrap in product(contents(name), ["", "&wrap=1"])
            }
            held = sum(list(paths.values())[: WORKERS.get(name)])
            with ExitStack() as clients:
                for path in paths:
                    clients.enter_context(Slow(server.port, path, waits=False))
                assert sessions.at_least(held, PATIENCE_SECONDS) >= held
            assert sessions.at_most(0, PATIENCE_SECONDS) == 0
        said = server.said()
    assert [complaint for complaint in COMPLAINTS if complaint in said] == []
    warned = READ_INTO_MEMORY if "" in PACES.get(name, [SLOW]) else []
    assert said.count(": LargeResultWarning: ") == len(warned)
