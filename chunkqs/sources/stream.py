"""Where a stream runs, chosen from the live state of the caller's connection.

Each function is a way to run; `open_route` tries them in their order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.sql.compiler import SQLCompiler

from ..databases import database_of
from ..databases.private_connection import open_private
from ..django_internals.compiler import Statement
from ..errors import KeysetError
from ..keyset.keyset import keyset_of
from ..keyset.orderable import ADVICE
from ..keyset.query import KeysetQuery
from .cursor import (
    CursorSource,
    PlainSource,
    Source,
    TransactionSource,
    close_cursor,
)
from .keyset import KeysetSource
from .read_ahead import ReadAheadSource
from .requests import Request
from .retries import Retries
from .small import small_result

logger = logging.getLogger("chunkqs")

#: Databases on which a cursor wants a connection of its own.
PRIVATE_VENDORS = {"postgresql", "mysql"}

Result = TypeVar("Result")


class Route(NamedTuple):
    """A source of blocks, and the compiler that knows what is in them."""

    source: Source
    compiler: SQLCompiler
    retries: Retries | None = None
    """Repeats what a fault breaks off, where the walk goes on after one."""

    def attempt(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, after a fault of what it returns the next time."""
        return self.retries.run(work) if self.retries else work()


def open_route(request: Request) -> Route:
    """Open a source for `request`, the first way that fits."""
    if in_transaction(request.connection):
        return _in_callers_transaction(request)
    if request.private is not True and (small := _small(request)):
        return small
    if request.private is not False and (private := _on_private_connection(request)):
        return private
    return _on_callers_connection(request)


def in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the caller is in a transaction, by atomic() or by switching autocommit off."""
    return connection.in_atomic_block or not connection.get_autocommit()


def _small(request: Request) -> Route | None:
    small = small_result(request)
    if small is None:
        return None
    say(request, "a small result, by a plain query")
    return Route(PlainSource(small.block), small.compiler)


def _in_callers_transaction(request: Request) -> Route:
    connection = request.connection
    if request.private:
        raise NotSupportedError(
            "stream(private=True) inside a transaction: a private connection would not see the "
            "transaction's own rows. Leave private= out, or stream outside of atomic()."
        )
    if connection.vendor == "mysql":
        return _small(request) or _by_keyset_or_refuse(request)
    statement, compiler, _ = request.compile()
    if statement is None:
        return Route(PlainSource([]), compiler)
    say(request, "a cursor in the caller's transaction")
    cursor = executed(connection.chunked_cursor(), statement)
    if connection.vendor == "postgresql":
        return Route(TransactionSource(connection, cursor), compiler)
    return _cursor_route(cursor, compiler)


def _by_keyset_or_refuse(request: Request) -> Route:
    """MySQL's unbuffered cursor would block every other query on the caller's connection."""
    try:
        route = _by_keyset(request)
    except KeysetError as error:
        raise NotSupportedError(
            "stream() inside a transaction on MySQL or MariaDB reads by keyset, since an "
            "unbuffered cursor would block the connection, and this query has no order to read "
            f"by: {str(error).removesuffix(ADVICE)} Stream it outside of atomic(), or use "
            "iterator(), which reads the whole result into memory."
        ) from error
    say(request, "by keyset in the caller's transaction")
    return route


def _by_keyset(request: Request) -> Route:
    query = KeysetQuery(keyset_of(request.queryset.all()), request.connection)
    source = KeysetSource(query, request.connection, look_up_end=True)
    return Route(source, query.compiler)


def _on_private_connection(request: Request) -> Route | None:
    connection = request.connection
    if connection.vendor not in PRIVATE_VENDORS:
        return None
    statement, compiler, _ = request.compile()
    if statement is None:
        return Route(PlainSource([]), compiler)
    insist = request.private is True
    private = open_private(connection, statement, request.explanation, insist=insist)
    if private is None:
        return None
    try:
        cursor = executed(private.cursor(), statement)
    except BaseException:
        private.close()
        raise
    # MySQL's server sends on without being asked: there the socket is what reads ahead.
    if request.read_ahead and connection.vendor == "postgresql":
        ahead = ReadAheadSource(cursor, private.bare_cursor, private.cancel, private.close)
        return Route(ahead, compiler)
    return Route(CursorSource(cursor, private.close), compiler)


def _on_callers_connection(request: Request) -> Route:
    """In autocommit: right, as Django does it, only slower to start on PostgreSQL."""
    connection = request.connection
    if connection.vendor == "mysql":
        try:
            return _by_keyset(request)
        except KeysetError as error:
            say(request, f"the whole result in memory, as there is no keyset: {error}")
    statement, compiler, _ = request.compile()
    if statement is None:
        return Route(PlainSource([]), compiler)
    say(request, "a cursor on the caller's connection")
    plain = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    cursor = connection.cursor() if plain else connection.chunked_cursor()
    return _cursor_route(executed(cursor, statement), compiler)


def _cursor_route(cursor: CursorWrapper, compiler: SQLCompiler) -> Route:
    return Route(CursorSource(cursor, partial(close_cursor, cursor)), compiler)


def executed(cursor: CursorWrapper, statement: Statement) -> CursorWrapper:
    """Run `statement` on `cursor`, which is closed if that fails."""
    try:
        database_of(cursor.db).prepare_cursor(cursor).execute(statement.sql, statement.params)
    except BaseException:
        close_cursor(cursor)
        raise
    return cursor


def say(request: Request, way: str) -> None:
    """Log which way a stream takes."""
    logger.debug("stream() of %s: %s", request.queryset.model._meta.label, way)
