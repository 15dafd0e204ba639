"""How PostgreSQL's planner knows a column's values to be distributed: `pg_stats`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from ..distribution import Distribution, Step

#: Types between two of whose values others can be computed, and by which arithmetic.
NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
TIMES = {
    "date": "timestamp",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
#: What no other value can be computed from.
ENDLESS = ("infinity", "-infinity", "nan")

COLUMNS = """
SELECT a.attname, c.reltuples, pg_catalog.format_type(t.oid, -1),
       CASE WHEN a.attcollation NOT IN (0, 100)
            THEN (SELECT pg_catalog.format('%%I.%%I', n.nspname, l.collname)
                  FROM pg_catalog.pg_collation l
                  JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
                  WHERE l.oid = a.attcollation) END,
       s.null_frac, s.most_common_vals::text::text[], s.most_common_freqs,
       s.histogram_bounds::text::text[]
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = ANY (%s)
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typcategory <> 'A'
JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
     AND s.attname = a.attname AND s.inherited = (c.relkind = 'p')
WHERE c.oid = pg_catalog.to_regclass(%s)
"""


def distributions(
    connection: BaseDatabaseWrapper, table: str, columns: Sequence[str]
) -> list[Distribution]:
    """Read what is known of a table's columns: one query, and one for each column.

    Ends before the first column of which nothing is known.
    """
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [list(columns), connection.ops.quote_name(table)])
        known = {name: facts for name, *facts in cursor.fetchall()}
        found: list[Distribution] = []
        for name in columns:
            if name not in known or known[name][0] <= 0:
                break
            rows, kind, collation, nulls, *values = known[name]
            steps = _steps(_sorted(cursor, kind, collation, *values), nulls)
            if not steps:
                break
            found.append(Distribution(kind, rows, nulls, steps))
    return found


def _sorted(
    cursor: Any,
    kind: str,
    collation: str | None,
    common: list[str] | None,
    frequencies: list[float] | None,
    bounds: list[str] | None,
) -> list[tuple[str, float | None]]:
    """Return common values, with their frequencies, and bounds, by the column's own order."""
    collate = f" COLLATE {collation}" if collation else ""
    cursor.execute(
        "SELECT value, frequency FROM ROWS FROM (pg_catalog.unnest(%s::text[]),"
        " pg_catalog.unnest(%s::float8[])) AS known (value, frequency)"
        f" ORDER BY value::{kind}{collate}",
        [
            [*(common or []), *(bounds or [])],
            [*(frequencies or []), *[None] * len(bounds or [])],
        ],
    )
    return list(cursor.fetchall())


def _steps(values: Iterable[tuple[str, float | None]], nulls: float) -> list[Step]:
    """Divide what is left of all rows evenly between the bounds, and further at common values."""
    values = list(values)
    common = sum(frequency for _, frequency in values if frequency is not None)
    intervals = sum(1 for _, frequency in values if frequency is None) - 1
    each = max(0.0, 1 - nulls - common) / intervals if intervals > 0 else 0.0
    steps: list[Step] = []
    low: str | None = None
    inside: list[tuple[str, float]] = []
    for value, frequency in values:
        if frequency is not None:
            inside.append((value, frequency))
            continue
        steps += _between(low, value, inside, each)
        low, inside = value, []
    return steps + _between(None, None, inside, 0.0)


def _between(
    low: str | None, high: str | None, inside: list[tuple[str, float]], mass: float
) -> list[Step]:
    """Return the steps from one bound to the next, with the common values in between."""
    if low is None:
        return [Step(value, value, frequency) for value, frequency in inside]
    part = mass / (len(inside) + 1)
    steps: list[Step] = []
    for value, frequency in inside:
        steps += [Step(low, value, part), Step(value, value, frequency)]
        low = value
    return [*steps, Step(low, high, part)]


def value_sql(kind: str, step: Step, share: float) -> tuple[str, tuple[Any, ...]]:
    """Write the value that lies so far from the low end of a step to its high one."""
    low, high = step.low, step.high
    if step.is_one or not _is_computable(kind, step):
        return f"%s::{kind}", (low if share < 0.5 else high,)
    between = TIMES.get(kind, "numeric")
    factor = "float8" if kind in TIMES else "numeric"
    sql = f"(%s::{between} + (%s::{between} - %s::{between}) * %s::{factor})::{kind}"
    return sql, (low, high, low, share)


def _is_computable(kind: str, step: Step) -> bool:
    ends = {str(step.low).lower(), str(step.high).lower()}
    return (kind in NUMBERS or kind in TIMES) and ends.isdisjoint(ENDLESS)
