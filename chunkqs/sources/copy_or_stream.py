"""The ways to run an export that the server may write itself."""

from __future__ import annotations

from typing import Any

from django.db.backends.utils import CursorWrapper
from django.db.models.sql.compiler import SQLCompiler

from ..databases.answers import CopyFormat
from ..databases.private_connection import PrivateConnection
from ..django_internals.compiler import Statement
from ..django_internals.connections import in_transaction
from ..django_internals.export_columns import conversions_of, knows_moments
from .copy_source import CallersCopySource, CopySource
from .source import ListSource
from .stream import OpenSource, Stream


class CopyStream(Stream):
    """A query whose rows the server writes, where it writes them as they are written here.

    It runs where a stream would: a small result as its rows, everything else by COPY. Where one
    of the columns is for Python to write, this is a stream.
    """

    def __init__(self, *args: Any, copy: CopyFormat, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._copy = copy

    def in_callers_transaction(self) -> OpenSource | None:
        """Copy on the caller's connection, after a savepoint."""
        if not in_transaction(self._connection) or self._wishes.private:
            return super().in_callers_transaction()
        return self._copied() or super().in_callers_transaction()

    def on_callers_connection(self) -> OpenSource:
        """Copy on the caller's connection, which begins at once, unlike a cursor WITH HOLD."""
        return self._copied() or super().on_callers_connection()

    def _copied(self) -> OpenSource | None:
        if not self._database.writes_exports:
            return None
        statement, compiler, _ = self._compile()
        if statement is None:
            return OpenSource(ListSource([]), compiler)
        with self._connection.cursor() as cursor:
            copying = self._copy_statement(cursor, statement, compiler, is_private=False)
        if copying is None:
            return None
        self._log("a COPY on the caller's connection")
        in_callers = in_transaction(self._connection)
        source = CallersCopySource(self._connection, copying, in_transaction=in_callers)
        return OpenSource(source, compiler, is_written=True)

    def _read_privately(
        self, private: PrivateConnection, statement: Statement, compiler: SQLCompiler
    ) -> OpenSource:
        copying = None
        if self._database.writes_exports:
            cursor = private.plain_cursor()
            copying = self._copy_statement(cursor, statement, compiler, is_private=True)
        if copying is None:
            if self._copy.is_text and knows_moments(compiler):
                self._database.read_moments_as_text(private.driver_connection)
            return super()._read_privately(private, statement, compiler)
        self._log("a COPY on a private connection")
        source = CopySource(cursor, copying, private.close)
        return OpenSource(source, compiler, is_written=True)

    def _copy_statement(
        self,
        cursor: CursorWrapper,
        statement: Statement,
        compiler: SQLCompiler,
        *,
        is_private: bool,
    ) -> Statement | None:
        return self._database.copy_statement(
            cursor, statement, conversions_of(compiler), self._copy, is_private=is_private
        )
