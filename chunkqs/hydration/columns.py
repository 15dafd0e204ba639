"""The columns of a raw row, as expressions of generated code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..django_internals.models import (
    SQLCompiler,
    composite_width,
    converters_of,
    is_djangos,
    selected,
)


class Columns:
    """What a compiled query selects.

    Generated code unpacks a raw row into `c0`, `c1`...; what Django's converters make
    of such a name, and of the columns of a composite expression, is told by this.
    """

    def __init__(self, compiler: SQLCompiler) -> None:
        self.converters = converters_of(compiler)
        self.namespace: dict[str, Any] = {"connection": compiler.connection}
        self.spans: list[tuple[int, int | None]] = []
        self.width = 0
        for expression in selected(compiler):
            composite = composite_width(expression)
            self.spans.append((self.width, composite))
            self.width += 1 if composite is None else composite
        for column, (functions, expression) in self.converters.items():
            self.namespace[f"e{column}"] = expression
            for number, function in enumerate(functions):
                self.namespace[f"convert{column}_{number}"] = function

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def are_raw(self) -> bool:
        """Whether a raw row, cut at `width`, is what Django would hand on."""
        return not self.converters and self.width == len(self)

    def unpacking(self, width: int) -> str:
        """Return the names for a raw row of `width` columns; those in excess are dropped."""
        names = [f"c{column}" for column in range(self.width)]
        return ", ".join(names + ["_"] * (width - self.width)) + ","

    def value(self, index: int) -> str:
        """Return the value of the selected expression at `index`, after `conversions()`."""
        return self._folded(index, lambda column: f"c{column}")

    def converted(self, index: int) -> str:
        """Return the value of the selected expression at `index`, converting it."""
        return self._folded(index, self._conversion)

    def conversions(self) -> list[str]:
        """Return the statements that convert each column in place, in Django's order."""
        return [f"c{column} = {self._conversion(column)}" for column in self.converters]

    def keys(self, names: Iterable[str]) -> list[str]:
        """Return names as expressions; a str of another class, as of an enum, stays what it is."""
        return [self._key(number, name) for number, name in enumerate(names)]

    def _key(self, number: int, name: str) -> str:
        if type(name) is str:
            return repr(name)
        self.namespace[f"k{number}"] = name
        return f"k{number}"

    def may_defer(self, index: int) -> bool:
        """Say whether a converter that isn't Django's may give DEFERRED for a value."""
        functions, _ = self.converters.get(self.spans[index][0], ((), None))
        return any(not is_djangos(function) for function in functions)

    def is_raw(self, index: int) -> bool:
        """Say whether the value at `index` is as the driver gave it."""
        return self.spans[index][0] not in self.converters

    def _conversion(self, column: int) -> str:
        code = f"c{column}"
        functions, _ = self.converters.get(column, ((), None))
        for number in range(len(functions)):
            code = f"convert{column}_{number}({code}, e{column}, connection)"
        return code

    def _folded(self, index: int, name: Any) -> str:
        start, composite = self.spans[index]
        if composite is None:
            return str(name(start))
        return "(" + "".join(f"{name(start + n)}, " for n in range(composite)) + ")"
