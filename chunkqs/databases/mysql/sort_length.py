"""How much of a text MySQL and MariaDB sort by.

They sort by the first `max_sort_length` bytes of a value, 1024 unless that is changed, but
compare all of it. Rows that differ further on come in any order, and what is after one of
them by comparison is not what came after it.
"""

from __future__ import annotations

from typing import Any

from ...errors import KeysetError

DEFAULT_BYTES = 1024
MOST_BYTES = 8 * 1024 * 1024
#: Bytes that a character takes among sort keys: up to four weights of two bytes.
CHARACTER_BYTES = 8


def sort_length(position: tuple[Any, ...], label: str) -> int:
    """Return how many bytes of its values a row at `position` must be sorted by, 0 if the default
    will do."""
    needed = max(map(_sort_bytes, position))
    if needed >= MOST_BYTES:
        raise KeysetError(
            f"A value of the order takes more than the {MOST_BYTES} bytes that {label} can sort "
            "by. Use another order, or stream()."
        )
    return needed if needed >= DEFAULT_BYTES else 0


def _sort_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value) * CHARACTER_BYTES
    return len(value) if isinstance(value, bytes) else 0
