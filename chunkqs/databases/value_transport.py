"""How the values of a key column travel from the database and back, unchanged.

A position is the database's own value. What a driver makes of a value, and writes of that again,
may be another one: then rows are lost between the two. So only types that are known to come back
as they went out travel as the driver's values. Of every other type the database is asked for a
text, or a number, that it reads as the same value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple


class NoValue(ValueError):
    """A value that the database shows as another than it sorts."""


class Transport(NamedTuple):
    """A way to select a key column. What comes is compared with the column by `column > %s`."""

    before: str = ""
    after: str = ""
    """What stands around the column in the SELECT."""
    load: Callable[[Any], Any] | None = None
    """What to make of the driver's value, for the comparison."""
    sorts: bool = False
    """Whether what is selected has the order of the column."""
    between: tuple[str, ...] = ()
    """What stands between one time that the column is named and the next."""
    no_value: str | None = None
    """What is selected in place of a value that the database shows as another than it sorts."""

    def sql(self, column: str) -> str:
        """Return the SQL that selects a column."""
        return column.join((self.before, *self.between, self.after))

    @property
    def uses(self) -> int:
        """How often the SQL names the column."""
        return 1 + len(self.between)


#: The driver's value of the column itself.
VALUE = Transport(sorts=True)


def float_literal(hexadecimal: str) -> str:
    """Return the shortest text of a float that was sent as its 8 bytes, or its 4."""
    (number,) = struct.unpack("!d" if len(hexadecimal) == 16 else "!f", bytes.fromhex(hexadecimal))
    return repr(number)


def interval_literal(hexadecimal: str) -> str:
    """Return the parts of an interval that was sent as its 16 bytes, which have signs of their
    own."""
    microseconds, days, months = struct.unpack("!qii", bytes.fromhex(hexadecimal))
    return f"{months:+d} mons {days:+d} days {microseconds:+d} microseconds"
