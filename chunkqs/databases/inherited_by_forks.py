"""What a forked process has of its parent's connections, and must neither use nor close."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.connections import begin_unconnected
from ..django_internals.pools import forget_pool, known_pool

#: Kept for good: a driver that lets go of a connection ends the session, which is the parent's.
INHERITED: list[Any] = []


def leave_inherited(connection: BaseDatabaseWrapper) -> None:
    """Let `connection` connect by itself, where it has its parent's connection or pool."""
    if _is_inherited(connection.connection):
        begin_unconnected(connection)
    if _is_inherited(known_pool(connection)):
        forget_pool(connection)


def _is_inherited(held: Any) -> bool:
    return any(held is one for one in INHERITED)


def _note() -> None:
    if settings.configured:
        for connection in connections.all(initialized_only=True):
            found = (connection.connection, known_pool(connection))
            INHERITED.extend(one for one in found if one is not None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note)
