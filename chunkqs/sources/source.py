"""What every source of raw rows offers; and rows that have been read already."""

from __future__ import annotations

from typing import Protocol

from ..django_internals.compiler import Block


class Source(Protocol):
    """Gives blocks of raw rows until there are none left."""

    @property
    def blocks_held(self) -> int:
        """How many blocks it may hold at a time, the one that was asked for among them."""

    @property
    def is_of_one_thread(self) -> bool:
        """Whether it asks for cursors of the caller's connection, which is one thread's."""

    def fetch(self, size: int) -> Block:
        """Return the next rows, `size` of them where there are as many; [] at the end."""

    def cancel(self) -> None:
        """Ask the server to end the query that another thread is waiting for, if it can be."""

    def close(self) -> None:
        """End the cursor, and what was opened for it. Never raise for one that is dead."""


class ListSource:
    """Rows that have been read already, as one block."""

    blocks_held = 1
    is_of_one_thread = False

    def __init__(self, block: Block) -> None:
        self._block = block

    def fetch(self, size: int) -> Block:
        """Return every row the first time, none after that."""
        block, self._block = self._block, []
        return block

    def cancel(self) -> None:
        """Do nothing: no query runs."""

    def close(self) -> None:
        """Do nothing: nothing is open."""
