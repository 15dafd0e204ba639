"""The rows that are walked, and how a coroutine is run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from chunkqs import (
    keyset_iter,
    stream,
)
from tests.support.models import Event

ROWS = 30
both = pytest.mark.parametrize("walk", [stream, keyset_iter])


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run `coroutine`, and close the connection that Django's thread has opened for it."""

    async def main() -> Any:
        try:
            return await coroutine
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(main())


def ordered() -> Any:
    return Event.objects.order_by("-created_at", "pk")


def queries() -> CaptureQueriesContext:
    return CaptureQueriesContext(connection)
