"""EXPLAIN of MySQL and MariaDB: a table of steps."""

from __future__ import annotations

import json
from collections import defaultdict
from math import prod
from typing import Any

from django.db.backends.utils import CursorWrapper

from ...django_internals.compiler import Statement
from ..answers import Explanation

Step = dict[str, Any]


def read_plan(cursor: CursorWrapper, statement: Statement) -> Explanation:
    """Multiply the rows of a SELECT's tables, add up the SELECTs of a UNION."""
    cursor.execute(f"EXPLAIN {statement.sql}", statement.params)
    names = [column[0].lower() for column in cursor.description]
    steps = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    selects: dict[int, list[float]] = defaultdict(list)
    for step in steps:
        if step["select_type"] in {"SIMPLE", "PRIMARY", "UNION"} and step["rows"] is not None:
            selects[step["id"]].append(rows_of(step) * _filtered(step))
    rows = sum(prod(tables) for tables in selects.values())
    return Explanation(round(rows), 0, json.dumps(steps, default=str))


def rows_of(step: Step) -> int:
    """Return the rows of a step, which MariaDB follows by the part that a filter of keys leaves."""
    return int(str(step["rows"] or 0).split(" ")[0])


def _filtered(step: Step) -> float:
    """Return the part of the rows that a condition leaves; MariaDB's EXPLAIN does not say."""
    percent = step.get("filtered")
    return 1.0 if percent is None else float(percent) / 100
