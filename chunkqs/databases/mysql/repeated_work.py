"""What a plan does again for every chunk, by the EXPLAIN of MySQL and MariaDB."""

from __future__ import annotations

import json

from ..answers import MANY_HASHED, MANY_SORTED, Explanation, RepeatedWork
from .plan import Step, rows_of


def repeated_work(explanation: Explanation) -> RepeatedWork | None:
    """Return what a statement that is limited to a chunk does with many more rows."""
    steps: list[Step] = json.loads(explanation.text)
    if explanation.rows > MANY_SORTED and any(map(_sorts, steps)):
        return RepeatedWork.SORT
    return RepeatedWork.MATCH if any(map(_gathers, steps)) else None


def _sorts(step: Step) -> bool:
    return "Using filesort" in (step["extra"] or "")


def _gathers(step: Step) -> bool:
    return step["select_type"] == "MATERIALIZED" and rows_of(step) > MANY_HASHED
