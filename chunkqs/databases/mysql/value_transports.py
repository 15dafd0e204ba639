"""Which values of MySQL and MariaDB come back as they went out, by what the server says of them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..value_transport import VALUE, NoValue, Transport

#: Numbers of the protocol: integers, YEAR and DECIMAL; texts and bytes; dates and times.
NUMBERS = {0, 1, 2, 3, 8, 9, 13, 246}
TEXTS = {15, 249, 250, 251, 252, 253, 254}
TIMES = {7, 10, 11, 12, 14}
TIMESTAMP = 7
FLOAT, DOUBLE, BIT = 4, 5, 16
#: Flags of ENUM and SET, which come as text, sorted by their numbers.
NUMBERED = 256 | 2048
#: The scale of a DOUBLE that is shown with all its digits.
ALL_DIGITS = 31
NAMES = {
    TIMESTAMP: "timestamp",
    245: "json",
    255: "geometry",
    FLOAT: "float",
    DOUBLE: "double",
    BIT: "bit",
}

#: As a double with all its digits: a FLOAT, and what STDDEV() makes, are shown with fewer.
DIGITS = Transport("(", ") + 0e0", sorts=True)
INTEGER = Transport("(", ") + 0", sorts=True)
#: Drivers have no value of a zero date, nor of a time of more than a day.
TEXT = Transport("CAST(", " AS CHAR)")


def day(text: str) -> str:
    """Return the text of a date or time as it is; raise NoValue for one that is none."""
    if text == NO_DAY:
        raise NoValue(text)
    return text


#: MariaDB shows CAST('2024-02-30' AS DATE) as NULL, and sorts and compares it as that day.
NO_DAY = "no day"
COMPUTED = Transport(
    "IF(COALESCE(",
    " AS CHAR), 'no day')",
    day,
    between=(") <=> CAST(", " AS CHAR), CAST("),
    no_value=NO_DAY,
)

#: By the beginning of a field's `db_type()`: what its values are likely to need.
LIKELY: dict[str, Transport] = {
    **dict.fromkeys(["date", "datetime", "time", "timestamp"], TEXT),
    "float": DIGITS,
    "bit": INTEGER,
}

#: The character set that has all characters. The server sends a question mark for one that the
#: connection's has not.
ALL_CHARACTERS = "utf8mb4"
#: Character sets by Python's names, where those are others.
CODECS = {"latin1": "cp1252"}
#: The last character of utf8, which is short for utf8mb3.
LAST_OF_THREE_BYTES = "\uffff"


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


def exact(column: ColumnType, charset: str) -> Transport | None:
    """Return how values of a type are read exactly; None where there is no way.

    `charset` is the connection's, in which the server sends texts.
    """
    if column.flags & NUMBERED:
        return None
    if column.code in TEXTS and charset != ALL_CHARACTERS:
        return _with_all_characters(charset)
    if column.code in NUMBERS | TEXTS:
        return VALUE
    if column.code in TIMES:
        return TEXT
    if column.code == DOUBLE and column.scale == ALL_DIGITS:
        return VALUE
    if column.code in (FLOAT, DOUBLE):
        return DIGITS
    return INTEGER if column.code == BIT else None


@cache
def _with_all_characters(charset: str) -> Transport:
    """Return how a text is read whole by a connection whose character set lacks some characters.

    Bytes are marked as such, as what the server says of a type does not tell them from texts.
    """

    def load(text: str) -> Any:
        kind, value = text[0], bytes.fromhex(text[1:])
        return value if kind == "b" else sendable(value.decode(), charset)

    return Transport(
        "IF(CHARSET(",
        ") USING utf8mb4))))",
        load,
        between=(
            ") = 'binary', CONCAT('b', HEX(",
            ")), CONCAT('t', HEX(CONVERT((",
        ),
    )


def sendable(text: str, charset: str) -> str:
    """Return a text that can be sent to the server; raise UnicodeError for another."""
    if charset.startswith("utf8"):
        has_all = max(text, default="") <= LAST_OF_THREE_BYTES
    else:
        codec = CODECS.get(charset, charset)
        has_all = text.encode(codec, "replace").decode(codec) == text
    if not has_all:
        raise UnicodeError(f"{charset} cannot show {text[:40]!r}")
    return text
