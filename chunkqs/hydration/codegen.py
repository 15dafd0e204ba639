"""Functions made from source text, one for each width that raw rows turn out to have."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any

from ..django_internals.compiler import Block

Hydrate = Callable[[Block], list[Any]]


@lru_cache(maxsize=512)
def compiled(source: str, name: str) -> CodeType:
    """Compile code that refers to no model: what it needs comes by the function's namespace."""
    return compile(source, f"<chunkqs {name}>", "exec")


def function(lines: list[str], name: str, namespace: dict[str, Any]) -> Hydrate:
    """Return the function `hydrate` that `lines` define."""
    namespace = dict(namespace)
    exec(compiled("\n".join(lines), name), namespace)
    # The function holds its namespace; held by that in turn, it would be a reference cycle.
    made: Hydrate = namespace.pop("hydrate")
    return made


def by_width(make: Callable[[int], Hydrate]) -> Hydrate:
    """Return a function that has one made by `make` when it sees how wide the raw rows are."""
    made: dict[int, Hydrate] = {}

    def hydrate(block: Block) -> list[Any]:
        if not block:
            return []
        width = len(block[0])
        if width not in made:
            made[width] = make(width)
        return made[width](block)

    return hydrate


def indented(lines: list[str]) -> list[str]:
    """Return the lines one level further in."""
    return [f"    {line}" for line in lines]
