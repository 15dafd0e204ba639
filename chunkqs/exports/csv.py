"""CSV, byte for byte as PostgreSQL's COPY writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .json_values import Document
from .lines import Lines
from .values_as_text import PLAIN, TEXTS, writer_of
from .writers_by_type import Writers

#: What a cell begins with that a spreadsheet would run: also as full-width characters.
FORMULA_STARTS = "=+-@\t\r\n\uff0b\uff0d\uff1d\uff20"
FORMULA_GUARD = "'"


class CsvFormat(Lines):
    """Rows into CSV: NULL is an empty cell, empty text is quoted, each line ends with LF."""

    name = "csv"
    content_type = "text/csv; charset=utf-8"

    def __init__(self, labels: Sequence[str] | None, *, escape_formulas: bool = False) -> None:
        self.labels = labels
        self.escape_formulas = escape_formulas
        self._writers = Writers(self._writer)

    def head(self) -> bytes:
        """Return the header, b"" without one."""
        return b"" if self.labels is None else self.write([tuple(self.labels)])

    def write(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Write whole lines. TypeError for a value that has no text."""
        if not rows:
            return b""
        columns = [self._cells(column) for column in zip(*rows, strict=True)]
        if len(columns) == 1:
            columns = [map(_alone, columns[0])]
        return ("\n".join(map(",".join, zip(*columns, strict=True))) + "\n").encode()

    def _cells(self, column: tuple[Any, ...]) -> Iterable[str]:
        """Write a column at once, the faster as its values are of one type."""
        kinds = set(map(type, column))
        if kinds == {str} and not self.escape_formulas and _is_plain(column):
            return column
        if len(kinds) == 1 and column[0] is not None:
            return map(self._writers[kinds.pop()], column)
        writers = self._writers
        return ["" if value is None else writers[type(value)](value) for value in column]

    def _writer(self, kind: type) -> Callable[[Any], str]:
        """Return what writes the cells of a type."""
        text = writer_of(kind)
        if kind in PLAIN:
            return text
        if not self.escape_formulas or issubclass(kind, DATA):
            return lambda value: quoted(text(value))
        return lambda value: quoted(guarded(text(value)))


#: What is no text, though its text may begin with a minus.
DATA = (*TEXTS, Document)


def _is_plain(texts: tuple[str, ...]) -> bool:
    return "" not in texts and not is_special("".join(texts))


def _alone(cell: str) -> str:
    """Quote what would end the input, were it alone on its line."""
    return '"\\."' if cell == "\\." else cell


def quoted(text: str) -> str:
    """Quote text that needs it: with a comma, a quote or an end of line, or none at all."""
    return text if text and not is_special(text) else '"' + text.replace('"', '""') + '"'


def is_special(text: str) -> bool:
    """Return whether any part of `text` has to be quoted."""
    return "," in text or '"' in text or "\n" in text or "\r" in text


def guarded(text: str) -> str:
    """Keep a spreadsheet from taking text for a formula."""
    return FORMULA_GUARD + text if text and text[0] in FORMULA_STARTS else text
