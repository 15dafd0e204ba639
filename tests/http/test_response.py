"""ExportResponse under Django's own handlers."""

from __future__ import annotations

import asyncio
import gzip
import time
import warnings
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import connection, connections
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils.translation import gettext_lazy

from chunkqs import LargeResultWarning, keyset_iter, stream
from chunkqs.http import ExportResponse
from tests.support.leftovers import PATIENCE_SECONDS, Leftovers, backends
from tests.support.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.http.downloads")]

ROWS = 5000
GZIP = "django.middleware.gzip.GZipMiddleware"


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    User.objects.bulk_create(
        (User(name=f"user number {n}", email=f"user{n}@example.com") for n in range(ROWS)),
        batch_size=1000,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {User._meta.db_table}")


def expected() -> bytes:
    return b"".join(keyset_iter(User.objects.order_by("pk")).csv())


def test_a_download_is_the_export(client: Client) -> None:
    response = client.get("/download")
    assert response.status_code == 200
    assert b"".join(response.streaming_content) == expected()
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    response.close()


def test_a_name_may_have_any_characters(client: Client) -> None:
    disposition = client.get("/download")["Content-Disposition"]
    assert disposition == "attachment; filename*=utf-8''B%C3%BCcher%20%E2%98%83.csv"


def test_the_name_and_the_type_are_the_callers_to_choose() -> None:
    export = stream(User.objects.all()).ndjson()
    response = ExportResponse(export, filename=gettext_lazy("a.csv"))  # type: ignore[arg-type]
    assert response["Content-Disposition"] == 'attachment; filename="a.csv"'
    response = ExportResponse(export, filename="a.json", as_attachment=False, content_type="text/x")
    assert response["Content-Disposition"] == 'inline; filename="a.json"'
    assert response["Content-Type"] == "text/x"
    plain = ExportResponse(export, headers={"X-A": "b"}, status=206)
    assert plain["Content-Disposition"] == "attachment"
    assert plain["Content-Type"] == "application/x-ndjson"
    assert (plain["X-A"], plain.status_code) == ("b", 206)


@pytest.mark.parametrize("wrong", [["a"], b"a", None, stream])
def test_what_is_no_export_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"rows\.csv\(\)"):
        ExportResponse(wrong)


@pytest.mark.parametrize("path", ["/download", "/async"])
def test_head_runs_no_query(path: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = Client().head(path)
        assert b"".join(response) == b""
        response.close()
    assert [query for query in queries if "tests_user" in query["sql"].lower()] == []
    assert response["Content-Type"] == "text/csv; charset=utf-8"


def test_the_first_part_comes_before_the_query(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        parts = iter(client.get("/download").streaming_content)
        assert next(parts) == b"id,name,email,active\n"
    assert len(queries) == 0


@override_settings(MIDDLEWARE=[GZIP])
def test_compression_streams(client: Client) -> None:
    response = client.get("/download", headers={"accept-encoding": "gzip"})
    parts = list(response.streaming_content)
    assert gzip.decompress(b"".join(parts)) == expected()
    assert len(parts) > 2
    response.close()


def test_the_query_runs_after_atomic_requests() -> None:
    connections.settings["default"]["ATOMIC_REQUESTS"] = True
    try:
        response = Client().get("/download")
        assert not connection.in_atomic_block
        assert b"".join(response.streaming_content) == expected()
        response.close()
    finally:
        connections.settings["default"]["ATOMIC_REQUESTS"] = False


@pytest.mark.database("postgresql", "mysql")
def test_closing_the_response_ends_the_query() -> None:
    before = len(backends())
    response = Client().get("/download")
    parts = iter(response.streaming_content)
    next(parts), next(parts)
    response.close()  # which closes the caller's connection, as the end of a request does
    until = time.monotonic() + PATIENCE_SECONDS
    while len(backends()) > before and time.monotonic() < until:
        time.sleep(0.02)
    assert len(backends()) == before


class Conversation:
    """A request to the ASGI handler, whose client reads and may leave."""

    def __init__(self, path: str, query: bytes = b"", method: str = "GET", **headers: str) -> None:
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
            ],
        }
        self.parts: list[bytes] = []
        self.left = asyncio.Event()
        self.begun = False

    async def receive(self) -> dict[str, Any]:
        if not self.begun:
            self.begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message.get("body"):
            self.parts.append(message["body"])

    async def run(self) -> bytes:
        await ASGIHandler()(self.scope, self.receive, self.send)
        await sync_to_async(connections.close_all)()
        return b"".join(self.parts)


@pytest.mark.parametrize("path", ["/download", "/async"])
def test_asgi_streams_from_sync_and_async_views(path: str, nothing_left_open: Leftovers) -> None:
    conversation = Conversation(path)
    assert asyncio.run(conversation.run()) == expected()
    assert len(conversation.parts) > 2


@override_settings(MIDDLEWARE=[GZIP])
@pytest.mark.parametrize("path", ["/download", "/async"])
def test_compression_streams_under_asgi(path: str, nothing_left_open: Leftovers) -> None:
    conversation = Conversation(path, accept_encoding="gzip")
    assert gzip.decompress(asyncio.run(conversation.run())) == expected()
    assert len(conversation.parts) > 2


@pytest.mark.parametrize("path", ["/download", "/async"])
def test_head_sends_nothing_under_asgi(path: str) -> None:
    assert asyncio.run(Conversation(path, method="HEAD").run()) == b""


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("path", ["/download", "/async"])
def test_a_client_that_leaves_while_the_database_is_slow_cancels_the_query(
    path: str, nothing_left_open: Leftovers
) -> None:
    async def run() -> float:
        conversation = Conversation(path, b"slow=1")
        task = asyncio.ensure_future(conversation.run())
        await asyncio.sleep(1)
        assert conversation.parts == [b"id,name,email,active,slow\n"]
        conversation.left.set()
        begin = time.monotonic()
        await task
        return time.monotonic() - begin

    assert asyncio.run(run()) < 1
    nothing_left_open.check()


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("way", ["private", "keyset"])
@pytest.mark.parametrize("content", ["rows", "aiter", "generator", "async_generator"])
def test_a_client_that_leaves_a_plain_view_cancels_its_query(
    way: str, content: str, nothing_left_open: Leftovers
) -> None:
    async def run() -> float:
        conversation = Conversation(f"/plain/{content}", f"way={way}&slow=1".encode())
        task = asyncio.ensure_future(conversation.run())
        await asyncio.sleep(0.5)
        conversation.left.set()
        begin = time.monotonic()
        await task
        return time.monotonic() - begin

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert asyncio.run(run()) < 2  # the first rows take longer
    nothing_left_open.check()


@override_settings(MIDDLEWARE=["tests.http.plain.wrapping"])
@pytest.mark.parametrize("query", [b"way=stream", b"way=keyset", b"way=keyset&wrap=1"])
@pytest.mark.parametrize("content", ["rows", "generator"])
def test_what_django_reads_into_memory_warns_once(content: str, query: bytes) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(Conversation(f"/plain/{content}", query).run())
    ours = [str(one.message) for one in caught if one.category is LargeResultWarning]
    assert len(ours) == 1
    assert "tests.User" in ours[0]
    assert "aiter(rows)" in ours[0]


@pytest.mark.parametrize("content", ["aiter", "async_generator"])
def test_an_async_iterator_is_sent_as_it_is_read(content: str) -> None:
    conversation = Conversation(f"/plain/{content}", b"way=stream")
    sent = asyncio.run(conversation.run())
    assert sent.count(b"xxxx'") == ROWS
    assert len(conversation.parts) == ROWS


@pytest.mark.parametrize("path", ["/download", "/async"])
def test_the_async_client_reads_it(path: str) -> None:
    async def run() -> bytes:
        response = await AsyncClient().get(path)
        content = b"".join([part async for part in response])
        await sync_to_async(connections.close_all)()
        return content

    assert asyncio.run(run()) == expected()


def test_a_middleware_of_ones_own_may_wrap_it() -> None:
    response: Any = ExportResponse(stream(User.objects.order_by("pk")).csv())
    response.streaming_content = (part.upper() for part in response.streaming_content)
    assert b"".join(response) == expected().upper()


def test_it_works_without_a_handler() -> None:
    request = RequestFactory().get("/")
    assert request.method == "GET"
    assert b"".join(ExportResponse(stream(User.objects.order_by("pk")).csv())) == expected()
    assert isinstance(ExportResponse(stream(User.objects.all()).csv()), HttpResponse) is False
