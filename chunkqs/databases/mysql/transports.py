"""Which values of MySQL and MariaDB come back as they went out, by what the server says of them."""

from __future__ import annotations

from typing import NamedTuple

from ..transport import VALUE, Transport

#: Numbers of the protocol: integers, YEAR and DECIMAL; texts and bytes; dates and times.
NUMBERS = {0, 1, 2, 3, 8, 9, 13, 246}
TEXTS = {15, 249, 250, 251, 252, 253, 254}
TIMES = {7, 10, 11, 12, 14}
FLOAT, DOUBLE, BIT = 4, 5, 16
#: Flags of ENUM and SET, which come as text, sorted by their numbers.
NUMBERED = 256 | 2048
#: The scale of a DOUBLE that is shown with all its digits.
ALL_DIGITS = 31
NAMES = {245: "json", 255: "geometry", FLOAT: "float", DOUBLE: "double", BIT: "bit"}

#: As a double with all its digits: a FLOAT, and what STDDEV() makes, are shown with fewer.
DIGITS = Transport("(", ") + 0e0", sorts=True)
INTEGER = Transport("(", ") + 0", sorts=True)
#: Drivers have no value of a zero date, nor of a time of more than a day.
TEXT = Transport("CAST(", " AS CHAR)")

#: By the beginning of a field's `db_type()`: what its values are likely to need.
LIKELY: dict[str, Transport] = {
    **dict.fromkeys(["date", "datetime", "time", "timestamp"], TEXT),
    "float": DIGITS,
    "bit": INTEGER,
}


class ColumnType(NamedTuple):
    """What the server says of the type of a column."""

    code: int
    flags: int
    scale: int

    @property
    def name(self) -> str:
        """The type in messages."""
        if self.flags & NUMBERED:
            return "enum" if self.flags & 256 else "set"
        return NAMES.get(self.code, f"type {self.code}")


def exact(column: ColumnType) -> Transport | None:
    """Return how values of a type are read exactly; None where there is no way."""
    if column.flags & NUMBERED:
        return None
    if column.code in NUMBERS | TEXTS:
        return VALUE
    if column.code in TIMES:
        return TEXT
    if column.code == DOUBLE and column.scale == ALL_DIGITS:
        return VALUE
    if column.code in (FLOAT, DOUBLE):
        return DIGITS
    return INTEGER if column.code == BIT else None
