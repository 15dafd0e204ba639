"""What a plan does again for every chunk, by PostgreSQL's EXPLAIN (FORMAT JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from ..answers import MANY_HASHED, MANY_SKIPPED, MANY_SORTED, Explanation, RepeatedWork

#: A comparison with a bound, as the planner prints a filter.
BOUND = re.compile(r"(?<![<>=!@&|~-])[<>]=?(?![<>@&|])")

Node = dict[str, Any]


def repeated_work(connection: BaseDatabaseWrapper, explanation: Explanation) -> RepeatedWork | None:
    """Return what a statement that is limited to a chunk does with many more rows."""
    plan: Node = json.loads(explanation.text)[0]["Plan"]
    nodes = list(_before_limit(plan))
    if any(_sorted_rows(node) > MANY_SORTED for node in nodes):
        return RepeatedWork.SORT
    if any(_hashed_rows(node) > MANY_HASHED for node in nodes):
        return RepeatedWork.MATCH
    scan = _skipping_scan(plan)
    if scan is None:
        return None
    skipped = _rows_of(connection, scan) * explanation.rows / max(scan["Plan Rows"], 1)
    return RepeatedWork.SKIP if skipped > MANY_SKIPPED else None


def _skipping_scan(plan: Node) -> Node | None:
    """Return the scan that gives the order, and leaves out rows by a range of other columns."""
    for node in _all(plan):
        if "Index" in node["Node Type"] and BOUND.search(node.get("Filter", "")):
            return node
    return None


def _rows_of(connection: BaseDatabaseWrapper, scan: Node) -> float:
    """Return how many rows the table of a scan has, by the statistics: one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.reltuples FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
            " ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
            [scan["Schema"], scan["Relation Name"]],
        )
        (rows,) = cursor.fetchone()
    return float(rows)


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from _all(child)


def _before_limit(node: Node) -> Iterator[Node]:
    """Yield the nodes that no Limit cuts short: what is above one sorts a chunk's rows at most."""
    below = node.get("Plans", [])
    if not any(_has_limit(child) for child in below):
        yield node
    for child in below:
        yield from _before_limit(child)


def _has_limit(node: Node) -> bool:
    return node["Node Type"] == "Limit" or any(map(_has_limit, node.get("Plans", [])))


def _sorted_rows(node: Node) -> float:
    """Return the rows that are sorted at a time: of an Incremental Sort, those of one group."""
    rows = float(node["Plan Rows"])
    if node["Node Type"] == "Sort":
        return rows
    if node["Node Type"] != "Incremental Sort":
        return 0
    # The planner spreads the cost evenly over the groups; the first one's is the startup cost.
    begin = node["Plans"][0]["Startup Cost"]
    whole = max(node["Total Cost"] - begin, 1e-9)
    return rows * float(node["Startup Cost"] - begin) / float(whole)


def _hashed_rows(node: Node) -> float:
    is_hashed = node["Node Type"] == "Hash" or node.get("Strategy") == "Hashed"
    child = node.get("Plans", [node])[0]
    return float(child["Plan Rows"]) if is_hashed else 0
