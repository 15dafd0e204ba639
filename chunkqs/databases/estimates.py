"""Row counts without counting: what the database's planner expects."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..django_internals.compiler import Statement, compile_select
from ..django_internals.queries import without_lock


class Explanation(NamedTuple):
    """What the planner expects of a statement."""

    rows: int
    width: int
    """Bytes a row, as far as the planner knows; 0 where it does not say."""
    text: str
    """The whole plan (PostgreSQL: VERBOSE JSON), for whoever must know what it touches."""


def estimate(queryset: QuerySet[Any, Any], connection: BaseDatabaseWrapper) -> int:
    """Return about how many rows `queryset` has.

    One EXPLAIN on PostgreSQL, MySQL and MariaDB, which takes milliseconds at any size
    and is as good as the table's statistics; elsewhere an exact COUNT.
    """
    if connection.vendor not in EXPLAINERS:
        return queryset.count()
    statement = compile_select(without_lock(queryset), connection).statement
    explanation = statement and explain(connection, statement)
    return explanation.rows if explanation else 0


def explain(connection: BaseDatabaseWrapper, statement: Statement) -> Explanation | None:
    """Ask the planner about `statement`: one EXPLAIN; None where there is no such planner."""
    explainer = EXPLAINERS.get(connection.vendor)
    return explainer(connection, statement) if explainer else None


def _explain_postgresql(connection: BaseDatabaseWrapper, statement: Statement) -> Explanation:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {statement.sql}", statement.params)
        (answer,) = cursor.fetchone()
    text = answer if isinstance(answer, str) else json.dumps(answer)
    top = json.loads(text)[0]["Plan"]
    return Explanation(top["Plan Rows"], top["Plan Width"], text)


def _explain_mysql(connection: BaseDatabaseWrapper, statement: Statement) -> Explanation:
    """Multiply the rows of a SELECT's tables, add up the SELECTs of a UNION."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement.sql}", statement.params)
        names = [column[0].lower() for column in cursor.description]
        steps = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    selects: dict[int, list[float]] = defaultdict(list)
    for step in steps:
        if step["select_type"] in {"SIMPLE", "PRIMARY", "UNION"} and step["rows"] is not None:
            selects[step["id"]].append(int(step["rows"]) * _filtered(step))
    rows = sum(prod(tables) for tables in selects.values())
    return Explanation(round(rows), 0, json.dumps(steps, default=str))


def _filtered(step: dict[str, Any]) -> float:
    """MySQL says which part of the rows a condition leaves; MariaDB's EXPLAIN does not."""
    percent = step.get("filtered")
    return 1.0 if percent is None else float(percent) / 100


EXPLAINERS: dict[str, Callable[[BaseDatabaseWrapper, Statement], Explanation]] = {
    "postgresql": _explain_postgresql,
    "mysql": _explain_mysql,
}
