"""A partition: a key range as a value, and as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..keyset.keyset import Keyset, Position
from ..keyset.tokens import PARTITION, decode, encode


@dataclass(frozen=True)
class Partition:
    """A range of keys of a queryset: a plain value, which pickles, and as text is its token."""

    number: int
    """Counted from 0, in the order of the keys."""
    rows: int
    """How many rows were expected in it when it was made."""
    token: str
    """The range as signed, URL-safe text, for `partition()`."""

    def __str__(self) -> str:
        return self.token


class KeyRange(NamedTuple):
    """The rows after `after`, up to and with `until`; None is open at that end."""

    after: Position | None = None
    until: Position | None = None
    nullable: tuple[int, ...] = ()
    """The places of key columns that can be NULL, whatever the model declares."""

    def partition(self, keyset: Keyset, number: int, rows: int) -> Partition:
        """Return the range as a partition, which is bound to the keyset's model and order."""
        content = (number, rows, self.after, self.until, self.nullable)
        return Partition(number, rows, encode(keyset.signature, content, PARTITION))

    @classmethod
    def of(cls, keyset: Keyset, partition: Partition | object) -> KeyRange:
        """Read a partition or its token; InvalidPosition where it is none of this keyset's."""
        token = partition.token if isinstance(partition, Partition) else partition
        _, _, after, until, nullable = decode(keyset.signature, token, PARTITION)
        return cls(
            None if after is None else tuple(after),
            None if until is None else tuple(until),
            tuple(nullable),
        )
