"""NDJSON: an object a line, byte for byte as PostgreSQL's row_to_json() writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .json_values import Document, json_text, quoted
from .lines import Lines
from .values_as_text import PLAIN, float_text, writer_of
from .writers_by_type import Writers


class NdjsonFormat(Lines):
    """Rows into JSON objects. What JSON has no type for, and decimals, are strings."""

    name = "ndjson"
    content_type = "application/x-ndjson"

    def __init__(self, names: Sequence[str]) -> None:
        keys = (quoted(name).replace("%", "%%") for name in names)
        self._line = "{" + ",".join(f"{key}:%s" for key in keys) + "}"
        self._writers = Writers(_writer)

    def head(self) -> bytes:
        """Return nothing: each line names its columns."""
        return b""

    def write(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Write whole lines. TypeError for a value that has no text."""
        if not rows:
            return b""
        columns = [self._cells(column) for column in zip(*rows, strict=True)]
        lines = map(self._line.__mod__, zip(*columns, strict=True))
        return ("\n".join(lines) + "\n").encode()

    def _cells(self, column: tuple[Any, ...]) -> Iterable[str]:
        kinds = set(map(type, column))
        if len(kinds) == 1:
            return map(self._writers[kinds.pop()], column)
        writers = self._writers
        return [writers[type(value)](value) for value in column]


def _float(value: float) -> str:
    text = float_text(value)
    return text if text[-1].isdigit() else quoted(text)


def _writer(kind: type) -> Callable[[Any], str]:
    """Return what writes the members of a type."""
    if kind is int:
        return int.__repr__
    if kind is float:
        return _float
    if kind is str:
        return quoted
    if kind is Document:
        return str.__str__
    if kind is type(None) or kind is bool or issubclass(kind, JSON_TYPES):
        return json_text
    text = writer_of(kind)
    if kind in PLAIN:
        return lambda value: f'"{text(value)}"'
    return lambda value: quoted(text(value))


#: Written as in a document. A float there is a number of any length.
JSON_TYPES = (int, dict, list, tuple, set, frozenset)
