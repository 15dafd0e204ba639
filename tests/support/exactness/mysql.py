"""Every type of MariaDB and MySQL, and values that mysqlclient may not bring back."""

from __future__ import annotations

from tests.support.exactness.kinds import Kind

FLOATS = [0, 0.1, 0.3, 16777217, 1e-45, 3.4028235e38, 0.10000001, 1234567.8]
DOUBLES = [0, 0.1, 0.30000000000000004, 0.3, 5e-324, 1.7976931348623157e308, 9007199254740993]
MOMENTS = ["0000-00-00", "2024-03-31 02:30:00.123456", "2024-03-31 02:30:00.123457", "2024-00-00"]
SPANS = ["-838:59:59.999999", "838:59:59", "25:00:00.000001", "-00:00:00.000001", "00:00:00"]
TEXTS = ["a", "A", "a ", "a\t", "ä", "ae", "", "%s", "a'\\"]

KINDS = [
    Kind("tinyint(1)", [0, 1, 7, -1]),
    Kind("int(5) unsigned zerofill", [1, 42, 4294967295]),
    Kind("bigint", [9007199254740992, 9007199254740993, -(2**63)]),
    Kind("bigint unsigned", [0, 2**63, 2**64 - 1, 2**64 - 2]),
    Kind("decimal(65,30)", ["1.1", f"{10**34}.{10**29}", "-1e-30", "1.100000000000000001"]),
    Kind("float", FLOATS, "float"),
    Kind("float(7,2)", [0.1, 12345.67, 1.005], "float"),
    Kind("double", DOUBLES),
    Kind("double(10,3)", [0.1005, 1234567.891, 0.101]),
    Kind("bit(1)", [0, 1], "bit"),
    Kind("bit(10)", [1, 512, 3, 0], "bit"),
    Kind("year", [0, 1901, 2155, 2024]),
    Kind("date", ["0000-00-00", "2024-02-29", "2024-00-00", "2024-02-00", "9999-12-31"], "date"),
    Kind("datetime", [*MOMENTS, "9999-12-31 23:59:59"], "datetime"),
    Kind("datetime(6)", [*MOMENTS, "9999-12-31 23:59:59.999999"], "datetime"),
    Kind("timestamp(6)", [*MOMENTS[:3], "1970-01-01 00:00:01"], "timestamp"),
    Kind("time", SPANS, "time"),
    Kind("time(6)", SPANS, "time"),
    Kind("enum('low','mid','high')", ["low", "mid", "high", ""], "enum"),
    Kind("set('a','b','c')", ["a", "b,c", "", "c", "a,b,c"], "set"),
    Kind("char(5)", TEXTS),
    Kind("varchar(9)", TEXTS),
    Kind("varchar(9) COLLATE utf8mb4_bin", TEXTS),
    Kind("varchar(9) COLLATE utf8mb4_german2_ci", TEXTS),
    Kind("varchar(9) COLLATE utf8mb4_unicode_520_ci", ["ß", "ss", "S", "\U0001f600", ""]),
    Kind("varchar(9) CHARACTER SET latin1", TEXTS),
    Kind("text", TEXTS),
    Kind("binary(4)", [b"\0", b"a", b"a\0\0\xff", b"a\0"]),
    Kind("varbinary(9)", [b"", b"\0", b"a", b"a\0", b"\xff"]),
    Kind("blob", [b"", b"\0", b"a", b"\xff\xfe"]),
    Kind("bit(64)", [0, 2**63, 2**64 - 1, 2**53 + 1], "bit"),
    Kind("mediumint", [1, -8388608, 8388607]),
    Kind("decimal(65,0)", [10**64, 10**64 + 1, -(10**64)]),
    Kind("varchar(9) COLLATE utf8mb4_danish_ci", ["aa", "å", "z", "AA"]),
    Kind("varchar(9) CHARACTER SET utf16", ["a", "a ", "A", "\U0001f600"]),
    Kind("datetime(3)", ["0000-00-00", "2024-01-01 00:00:00.123", "2024-01-01 00:00:00.124"]),
    Kind("json", ["1", '"a"', '{"a": 1}', "[1, 2]"], "json"),
]
#: Types of MariaDB alone.
MARIADB_KINDS = [
    Kind("uuid", ["01234567-89ab-4def-8123-456789abcdef", "11234567-89ab-1def-8123-456789abcdee"]),
    Kind("inet6", ["::1", "ff::", "::ffff:10.0.0.1"]),
]
