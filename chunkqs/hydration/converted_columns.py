"""The selected columns of a raw row, as expressions of generated code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..django_internals.row_loading import (
    SQLCompiler,
    composite_width,
    converters_of,
    is_django_converter,
    selected,
)


class SelectedColumns:
    """What a compiled query selects, by the names that generated code unpacks it into.

    A raw row becomes `c0`, `c1`... This knows which of them Django's converters change, and
    which form one composite expression.
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
        """Whether Django would return a raw row, cut at `width`, unchanged."""
        return not self.converters and self.width == len(self)

    def unpacking(self, width: int) -> str:
        """Return the names for a raw row of `width` columns; those in excess are dropped."""
        names = [f"c{column}" for column in range(self.width)]
        return ", ".join(names + ["_"] * (width - self.width)) + ","

    def value(self, index: int) -> str:
        """Return the value of the selected expression at `index`, after `conversions()`."""
        return self._folded(index, lambda column: f"c{column}")

    def converted(self, index: int) -> str:
        """Return the code that converts the selected expression at `index`."""
        return self._folded(index, self._conversion)

    def conversions(self) -> list[str]:
        """Return the statements that convert each column in place, in Django's order."""
        return [f"c{column} = {self._conversion(column)}" for column in self.converters]

    def keys(self, names: Iterable[str]) -> list[str]:
        """Return names as expressions. A subclass of str, such as an enum, stays what it is."""
        return [self._key(number, name) for number, name in enumerate(names)]

    def _key(self, number: int, name: str) -> str:
        if type(name) is str:
            return repr(name)
        self.namespace[f"k{number}"] = name
        return f"k{number}"

    def may_defer(self, index: int) -> bool:
        """Return whether a converter that isn't Django's may return DEFERRED for a value."""
        functions, _ = self.converters.get(self.spans[index][0], ((), None))
        return any(not is_django_converter(function) for function in functions)

    def is_raw(self, index: int) -> bool:
        """Return whether the value at `index` is the one that the driver returned."""
        return self.spans[index][0] not in self.converters

    def _conversion(self, column: int) -> str:
        code = f"c{column}"
        functions, _ = self.converters.get(column, ((), None))
        for number in range(len(functions)):
            code = f"convert{column}_{number}({code}, e{column}, connection)"
        return code

    def _folded(self, index: int, code_of: Callable[[int], str]) -> str:
        start, composite = self.spans[index]
        if composite is None:
            return code_of(start)
        return "(" + "".join(f"{code_of(start + n)}, " for n in range(composite)) + ")"
