"""Functions by the type of a value, made when the first value of that type comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Writers(dict[type, Callable[[Any], str]]):
    """What writes the values of each type, by `make(type)`."""

    def __init__(self, make: Callable[[type], Callable[[Any], str]]) -> None:
        self._make = make

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        made = self[kind] = self._make(kind)
        return made
