"""What a database says of a statement, an error or an export: values, without a connection."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, NamedTuple, Protocol


class TransientError(Enum):
    """An error after which the same query may succeed."""

    LOST = "the connection was lost"
    TIMEOUT = "the query took longer than the database allows"
    CONFLICT = "another transaction was in the way"


class RepeatedWork(Enum):
    """What the planner does again for every chunk of a walk, with many rows."""

    SORT = "sorts"
    MATCH = "gathers the matches of a filter or a join"
    SKIP = "reads past the rows outside of a range"


#: Rows that are sorted, or gathered by their hashes, in the time of a chunk.
MANY_SORTED = 2_000
MANY_HASHED = 50_000
#: Rows that are read and left out by a filter in the time of a chunk.
MANY_SKIPPED = 50_000


class Explanation(NamedTuple):
    """What the planner expects of a statement."""

    rows: int
    width: int
    """Bytes a row, as far as the planner knows; 0 where it does not say."""
    text: str
    """The whole plan (PostgreSQL: VERBOSE JSON), for whoever must know what it touches."""


class Reading(NamedTuple):
    """What pyarrow makes of the text of a column."""

    is_text: bool = False
    """Whether it stays text, which is that of CSV then."""
    places: int | None = None
    """The decimals of a decimal. pyarrow must not be left to add some: beyond 128 bits it
    returns another number, without an error."""


class CopyFormat(NamedTuple):
    """What a server that writes an export itself is to write."""

    kind: Literal["csv", "ndjson", "arrow"]
    """CSV without its header; NDJSON; or CSV for pyarrow, in which values stand as the server
    writes them."""
    names: tuple[str, ...]
    escape_formulas: bool = False
    readings: tuple[Reading, ...] = ()
    """How each column is read, for pyarrow."""

    @property
    def is_text(self) -> bool:
        """Whether the values end as text, whoever writes it."""
        return self.kind != "arrow"


class StoredMoment(str):
    """A moment of a column without zones as text, ISO 8601, where a driver returns it so."""

    __slots__ = ()


class CopyReader(Protocol):
    """The cursor of a driver in which a server writes an export."""

    @property
    def is_complete(self) -> bool:
        """Whether the server has nothing more to write, and the connection is free."""

    def execute(self, sql: str, params: Any = None) -> None:
        """Begin."""

    def read(self) -> bytes:
        """Return whole rows, about 64 KiB of them; b"" at the end."""

    def cancel(self) -> None:
        """Ask the server to end the read that another thread is waiting for."""

    def close(self) -> None:
        """Have the server write no more, so that the connection can go on."""

    def forget(self) -> None:
        """Let go of what the connection has ended already, without a word to the server."""


class Scope(NamedTuple):
    """In which tenant, schema and role a session is: what else than a query decides its rows."""

    sql: str
    """An expression that is the same in every row, and costs no more than one evaluation."""
    value: str
    """What it was."""
