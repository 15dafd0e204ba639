"""StreamInterrupted, where the connection or cursor of a stream is lost."""

from __future__ import annotations

from traceback import clear_frames

from django.db import DatabaseError, InterfaceError
from django.db.backends.utils import CursorWrapper

from ..databases import database_of
from ..errors import StreamInterrupted


class interruptions:
    """Raise StreamInterrupted where the connection or cursor is lost; leave other errors alone.

    A class: the frame of a generator would hold the error, and by its traceback itself.
    """

    def __init__(self, cursor: CursorWrapper) -> None:
        self._cursor = cursor

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, (DatabaseError, InterfaceError)):
            return
        if not database_of(self._cursor.db).is_cursor_lost(self._cursor, error):
            return
        let_go_of_cursor(error)
        raise StreamInterrupted(
            f"stream() lost the connection or cursor that it was reading from ({error}). "
            "The rows it has handed out are right, the rest of its snapshot is gone: begin "
            "again, or use keyset_iter(), which reconnects and goes on where it was."
        ) from error


def let_go_of_cursor(error: BaseException) -> None:
    """Clear the variables of what raised `error`.

    Django raises its errors from a variable, so that their tracebacks hold themselves; and with
    them the cursor, which on SQLite keeps its lock until the next garbage collection.
    """
    for raised in (error, error.__cause__):
        if raised is not None:
            clear_frames(raised.__traceback__)
