"""Values of every storage class of SQLite, in columns of every declared type."""

from __future__ import annotations

from tests.support.exactness.kinds import Kind

VALUES = [
    *[0, -1, 9007199254740993, 2**63 - 1, -(2**63), 1.5, 0.1, 9007199254740992.0, float("-inf")],
    *["1", "a", "A", "a ", "", "10", "9", "%s", "a\0b", b"", b"1"],
    *["2024-02-29", "2024-02-29 01:02:03.000001", "12:30", "not a date"],
]
TYPES = [
    *["integer", "bigint", "bool", "real", "double", "decimal", "text", "varchar(10)", "blob"],
    *["datetime", "date", "time", "timestamp", "", "uuid", "text COLLATE nocase"],
    *["text COLLATE rtrim", "integer COLLATE nocase"],
]
KINDS = [Kind(name, VALUES) for name in TYPES]
