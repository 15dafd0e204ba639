"""What a stream is to read, and the caller's wishes of how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..databases import database_of
from ..databases.base import Explanation
from ..django_internals.compiler import Compiled, compile_select
from .sizing import MOST_ROWS


@dataclass
class Request:
    """What a stream is to read, and the caller's wishes of how."""

    queryset: QuerySet[Any, Any]
    connection: BaseDatabaseWrapper
    extra: Sequence[Any]
    chunk_size: int | None
    max_bytes: int
    private: bool | None
    read_ahead: bool

    @property
    def capacity(self) -> int:
        """Rows that fit one chunk, as far as rows are the measure."""
        return self.chunk_size or MOST_ROWS

    @cached_property
    def limited(self) -> Compiled:
        """The query cut off one row behind a chunk, which tells whether there are more."""
        return self.compile(self.capacity + 1)

    @cached_property
    def explanation(self) -> Explanation | None:
        """What the planner expects of the limited query: one EXPLAIN, asked for once."""
        statement = self.limited.statement
        return database_of(self.connection).explain(statement) if statement else None

    def compile(self, limit: int | None = None) -> Compiled:
        """Compile the queryset, for its first `limit` rows alone if that is given."""
        queryset = self.queryset.all() if limit is None else self.queryset.all()[:limit]
        return compile_select(queryset, self.connection, self.extra)
