"""What the formats have in common that write a line for each row."""

from __future__ import annotations

from typing import Self


class Lines:
    """A format of lines, which the server can write as well, and which needs no end."""

    def take(self, part: bytes) -> bytes:
        """Return lines that the server has written, as they are."""
        return part

    def tail(self) -> bytes:
        """Return nothing: the last line ends as all do."""
        return b""

    def begun(self) -> Self:
        """Return itself: nothing changes while rows are written."""
        return self
