"""What psycopg2, psycopg 3 and mysqlclient each call the same thing."""

from __future__ import annotations

import sys
from typing import Any

from django.db.backends.utils import CursorWrapper

INVALID_CURSOR_NAME = "34000"
#: psycopg2 notices on its own side, without a code, that a transaction took a cursor along.
INVALID_CURSOR_TEXT = "named cursor isn't valid anymore"
#: MySQL's client errors: server has gone away, connection lost (twice).
MYSQL_LOST = {2006, 2013, 2055}


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error that Django has wrapped, where the driver gives one."""
    cause: Any = error.__cause__ or error
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)


def is_lost(cursor: CursorWrapper, error: BaseException | None = None) -> bool:
    """Tell whether `cursor` has lost its connection or, by `error`, its server-side cursor."""
    connection = getattr(cursor.cursor, "connection", None)
    if connection is None or getattr(connection, "closed", False):
        return True
    if error is None:
        return False
    return (
        sqlstate(error) == INVALID_CURSOR_NAME
        or INVALID_CURSOR_TEXT in str(error)
        or bool(MYSQL_LOST.intersection(error.args[:1]))
    )


def discard_cursor(cursor: CursorWrapper) -> None:
    """Forget a server-side cursor that the server has no more, without a word to it.

    Closing one sends CLOSE, which would abort the transaction that runs now. psycopg2
    says nothing when a cursor is dropped; psycopg 3 warns unless its plain cursor's own
    close() has been called.
    """
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(cursor.cursor, psycopg.Cursor):
        psycopg.Cursor.close(cursor.cursor)
