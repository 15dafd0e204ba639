"""The peers beside Django: other libraries, the driver alone, and PostgreSQL's COPY."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

from django.db import connection

from tools.ways import CHUNK_SIZE

from .driver import driver_connection


def chunkator_rows(queryset: Any) -> Iterable[Any]:
    from chunkator import chunkator  # type: ignore[import-untyped]

    rows: Iterable[Any] = chunkator(queryset, CHUNK_SIZE)
    return rows


def sqlalchemy_rows(queryset: Any) -> Iterable[Any]:
    """Yield the events as mapped objects, by a server-side cursor."""
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    from .mapped import Event, engine

    with Session(engine()) as session:
        yield from session.scalars(select(Event).execution_options(yield_per=CHUNK_SIZE))


def cursor_rows(queryset: Any) -> Iterable[Any]:
    """Return the driver's own server-side cursor, which yields tuples."""
    rows: Iterable[Any] = CURSORS[connection.vendor](select_of(queryset))
    return rows


def select_of(queryset: Any) -> str:
    """Return the query as text; the querysets measured have no parameters."""
    sql, parameters = queryset.query.sql_with_params()
    assert not parameters
    return str(sql)


def _postgresql_cursor(sql: str) -> Iterable[Any]:
    cursor = driver_connection().cursor("chunkqs_bench")
    cursor.itersize = CHUNK_SIZE
    cursor.execute(sql)
    rows: Iterable[Any] = cursor
    return rows


def _mysql_cursor(sql: str) -> Iterator[Any]:
    from MySQLdb.cursors import SSCursor

    cursor = connection.get_new_connection(connection.get_connection_params()).cursor(SSCursor)
    cursor.execute(sql)
    while block := cursor.fetchmany(CHUNK_SIZE):
        yield from block


def _sqlite_cursor(sql: str) -> Iterable[Any]:
    import sqlite3

    cursor: Iterable[Any] = sqlite3.connect(connection.settings_dict["NAME"]).execute(sql)
    return cursor


CURSORS: dict[str, Callable[[str], Iterable[Any]]] = {
    "postgresql": _postgresql_cursor,
    "mysql": _mysql_cursor,
    "sqlite": _sqlite_cursor,
}


def copied_rows(queryset: Any) -> Iterable[Any]:
    """Let the server send every row, and throw them away: nothing in Python can be faster."""
    copy = f"COPY ({select_of(queryset)}) TO STDOUT"
    cursor = driver_connection().cursor()
    if hasattr(cursor, "copy_expert"):
        sink = Sink()
        cursor.copy_expert(copy, sink)
        return repeat(None, sink.rows)
    return _copied_by_psycopg(cursor, copy)


def _copied_by_psycopg(cursor: Any, copy: str) -> Iterator[Any]:
    with cursor.copy(copy) as data:
        yield from data


class Sink:
    """A file that counts what is written to it: psycopg2 writes row by row."""

    def __init__(self) -> None:
        self.rows = 0

    def write(self, row: bytes) -> None:
        self.rows += 1
