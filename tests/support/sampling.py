"""Some of the cases of each test, where a session need not run them all.

CHUNKQS_CASES=3 leaves at most three of the cases of a parametrized test, spread over all of them.
"""

from __future__ import annotations

import os
from collections import defaultdict

import pytest

MOST = int(os.environ.get("CHUNKQS_CASES", "0"))


def sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the cases that are too many out of `items`."""
    if not MOST:
        return
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        tests[item.nodeid.partition("[")[0]].append(item)
    kept = {item for cases in tests.values() for item in spread(cases)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def spread(cases: list[pytest.Item]) -> list[pytest.Item]:
    """Return the first, the last, and those at even distances between them."""
    if len(cases) <= MOST:
        return cases
    if MOST == 1:
        return cases[:1]
    return [cases[number * (len(cases) - 1) // (MOST - 1)] for number in range(MOST)]
