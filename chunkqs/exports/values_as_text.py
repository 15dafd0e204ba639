"""The text of a value, as PostgreSQL writes it in its COPY: the same on every database."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

#: PostgreSQL writes no exponent below this.
FIRST_EXPONENT = 1e15
#: From here on, a short decimal may lie half-way between two floats.
FIRST_WIDE_STEP = 2.0**53
#: Digits that tell every float from every other.
MOST_DIGITS = 17
UTC_ZONE = "+00:00"
ZONE_WIDTH = len(UTC_ZONE)


def boolean_text(value: bool) -> str:
    """Write `true` or `false`."""
    return "true" if value else "false"


def decimal_text(value: Decimal) -> str:
    """Write every digit, without an exponent."""
    text = str(value)
    return format(value, "f") if "E" in text else text


def float_text(value: float) -> str:
    """Write the shortest decimal that is read back as `value`, in the server's form."""
    if not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    text = _shortest(value) if abs(value) >= FIRST_WIDE_STEP else repr(value)
    if "e" not in text and abs(value) >= FIRST_EXPONENT:
        return _with_exponent(text)
    return text.removesuffix(".0")


def _shortest(value: float) -> str:
    """Leave out what lies just half-way to the next float: PostgreSQL does not count on readers
    to round it to even."""
    text = repr(value)
    digits = len(Decimal(text).normalize().as_tuple().digits)
    while digits < MOST_DIGITS and _is_half_way(value, text):
        digits += 1
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{exponent}"
    return text


def _is_half_way(value: float, text: str) -> bool:
    step = int(math.ulp(value))
    off = 2 * (abs(int(Decimal(text))) - abs(int(value)))
    is_power_of_two = abs(math.frexp(value)[0]) == 0.5
    return off == step or off == -(step // 2 if is_power_of_two else step)


def _with_exponent(text: str) -> str:
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    whole = digits.removesuffix(".0").replace(".", "")
    exponent = len(digits.split(".")[0]) - 1
    fraction = whole[1:].rstrip("0")
    return f"{sign}{whole[0]}{'.' if fraction else ''}{fraction}e+{exponent:02d}"


def moment_text(value: datetime) -> str:
    """Write ISO 8601, an aware one in UTC. Trailing zeros of a second are left out."""
    if value.tzinfo is None:
        return naive_text(value)
    moment = value if value.tzinfo is UTC else value.astimezone(UTC)
    text = moment.isoformat()
    return text[:-ZONE_WIDTH].rstrip("0") + UTC_ZONE if moment.microsecond else text


def naive_text(value: datetime) -> str:
    """Write ISO 8601 of a moment without a zone."""
    return _trimmed(value.isoformat(), value.microsecond)


def time_text(value: time) -> str:
    """Write ISO 8601, trailing zeros of a second left out."""
    return _trimmed(value.isoformat(), value.microsecond)


def _trimmed(text: str, microsecond: int) -> str:
    return text.rstrip("0") if microsecond else text


def duration_text(value: timedelta) -> str:
    """Write ISO 8601 in days, hours, minutes and seconds, which `parse_duration()` reads."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    return f"{sign}P{value.days}DT{hours:02d}H{minutes:02d}M{seconds:02d}{fraction}S"


def binary_text(value: Any) -> str:
    """Write base64, as Django's serializers do."""
    return b64encode(value).decode("ascii")


def range_text(value: Any) -> str:
    """Write a range of PostgreSQL's: `[1,5)`, or `empty`."""
    if value.isempty:
        return "empty"
    opening, closing = "[" if value.lower_inc else "(", "]" if value.upper_inc else ")"
    lower, upper = ("" if end is None else text_of(end) for end in (value.lower, value.upper))
    return f"{opening}{lower},{upper}{closing}"


#: The types whose text never has to be quoted, and how it is written.
PLAIN: dict[type, Callable[[Any], str]] = {
    int: int.__repr__,
    bool: boolean_text,
    float: float_text,
    Decimal: decimal_text,
    datetime: moment_text,
    date: date.isoformat,
    time: time_text,
    timedelta: duration_text,
    UUID: str,
    IPv4Address: str,
    IPv6Address: str,
}
#: The types of data, and how they are written. Every other is text, or made by a field.
TEXTS: dict[type, Callable[[Any], str]] = {
    **PLAIN,
    bytes: binary_text,
    bytearray: binary_text,
    memoryview: binary_text,
}


def text_of(value: Any) -> str:
    """Write any value but None. TypeError for one that has no text of its own."""
    return writer_of(type(value))(value)


def writer_of(kind: type) -> Callable[[Any], str]:
    """Return what writes values of a type. TypeError for one without a text of its own."""
    if kind in TEXTS:
        return TEXTS[kind]
    if issubclass(kind, Enum):
        return lambda member: text_of(member.value)
    for base in kind.__mro__:
        if base is str:
            return str.__str__
        if base in TEXTS:
            return TEXTS[base]
        if hasattr(base, "lower_inc"):
            return range_text
    if kind.__str__ is object.__str__:
        raise TypeError(
            f"A value of type {kind.__qualname__} has no text to export. Give the class a "
            "__str__(), or export another expression with values()."
        )
    return str
