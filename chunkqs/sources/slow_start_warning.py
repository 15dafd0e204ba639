"""The warning of a stream that starts slowly, once per process and reason."""

from __future__ import annotations

from ..callers_line import warn
from ..databases.base import Database
from ..databases.session import Refusal
from ..errors import SlowStartWarning

_warned: set[str] = set()


class SlowStart:
    """Why a stream got no private connection, and what that means where it runs instead."""

    def __init__(self, refusal: Refusal) -> None:
        self._reason = refusal.reason
        self._text = str(refusal)
        self._remedy = refusal.remedy

    def warn(self, label: str, database: Database, *, in_memory: bool) -> None:
        """Warn at the caller's line, unless it was warned of this reason before."""
        if self._reason in _warned:
            return
        _warned.add(self._reason)
        first = "reads the whole result into memory" if in_memory else "runs the whole query"
        warn(
            f"stream() of {label} starts slowly: on the connection of {database.alias!r} that it "
            f"shares with its caller, {database.label} {first} before the first row comes. There "
            f"is no private connection, as {self._text}. {self._advice(database)}",
            SlowStartWarning,
        )

    def _advice(self, database: Database) -> str:
        others = "use keyset_iter(), whose first row comes at once"
        if not database.cursor_blocks_connection:
            others += ", or stream() inside atomic(), where it does too"
        if self._remedy:
            return f"{self._remedy} Or {others}."
        return f"{others[0].upper()}{others[1:]}."


def forget() -> None:
    """Warn of every reason again."""
    _warned.clear()
