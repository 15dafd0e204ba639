"""Values that a database shows as another than it sorts."""

from __future__ import annotations

from collections.abc import Iterable

from ..databases.value_transport import Transport
from ..django_internals.compiler import Block
from .columns import KeyColumn
from .refusals import inexact


def refuse_no_values(
    columns: Iterable[KeyColumn], key_values: Iterable[tuple[int, Transport]], block: Block
) -> None:
    """Raise KeysetError where a row of a block is shown to stand elsewhere than it stands.

    `key_values`: where each key column stands in a raw row, and how it is read.
    """
    for column, (place, transport) in zip(columns, key_values, strict=True):
        mark = transport.no_value
        if mark is not None and any(row[place] == mark for row in block):
            raise inexact(column, mark, "is shown as another value than it is sorted as")
