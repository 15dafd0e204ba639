"""What a plan does again for every chunk, by PostgreSQL's EXPLAIN (FORMAT JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..answers import MANY_HASHED, MANY_SORTED, RepeatedWork

#: A comparison with a bound, as the planner prints a filter.
BOUND = re.compile(r"(?<![<>=!@&|~-])[<>]=?(?![<>@&|])")

Node = dict[str, Any]


def repeated_work(plan: str) -> RepeatedWork | None:
    """Return what a statement that is limited to a chunk does with many more rows."""
    nodes = list(_before_limit(json.loads(plan)[0]["Plan"]))
    if any(_sorted_rows(node) > MANY_SORTED for node in nodes):
        return RepeatedWork.SORT
    if any(_hashed_rows(node) > MANY_HASHED for node in nodes):
        return RepeatedWork.MATCH
    return None


def skipping_scan(plan: str) -> Node | None:
    """Return the scan that gives the order, and leaves out rows by a range of other columns."""
    for node in _all(json.loads(plan)[0]["Plan"]):
        if "Index" in node["Node Type"] and BOUND.search(node.get("Filter", "")):
            return node
    return None


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
