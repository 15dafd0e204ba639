"""JSON as PostgreSQL's jsonb writes it: the same bytes of a document on every database."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from .values_as_text import TEXTS, decimal_text, float_text, text_of

#: Writes a string with its quotes; what is beyond ASCII stays as it is.
quoted: Callable[[str], str] = encode_basestring


class Document(str):
    """JSON text, which NDJSON takes in as it is and CSV never escapes as a formula."""

    __slots__ = ()


TEXTS[Document] = str.__str__


def document_of(stored: Any) -> Document:
    """Return the document that a database gave as text, or as a value where it is no text."""
    if not isinstance(stored, str | bytes):
        return _document(json_text(stored))
    try:
        return _document(json_text(json.loads(stored, parse_float=Decimal)))
    except json.JSONDecodeError:  # a string out of a document, which SQLite gives without quotes
        return _document(quoted(stored if isinstance(stored, str) else stored.decode()))


def _document(text: str) -> Document:
    """Escape half of a surrogate pair, which UTF-8 has no bytes for: SQLite keeps it as such."""
    return Document(text.encode("utf-8", "backslashreplace").decode())


def json_text(value: Any) -> str:
    """Write any value as a document: keys by length, then by bytes; numbers without exponent."""
    return "null" if value is None else (WRITERS.get(type(value)) or _writer_of(value))(value)


def _object(value: dict[Any, Any]) -> str:
    members = sorted((len(name := _bytes(key)), name, key) for key in value)
    return f"{{{', '.join(f'{quoted(str(k))}: {json_text(value[k])}' for *_, k in members)}}}"


def _bytes(key: Any) -> bytes:
    return str(key).encode("utf-8", "surrogatepass")


def _array(value: Any) -> str:
    return f"[{', '.join(map(json_text, value))}]"


def _number(value: Decimal) -> str:
    if not value.is_finite():
        return quoted(decimal_text(value))
    return decimal_text(value or abs(value))


def _float(value: float) -> str:
    return _number(Decimal(float_text(value)))


def _writer_of(value: Any) -> Callable[[Any], str]:
    for kind in (dict, list, tuple, set, frozenset):
        if isinstance(value, kind):
            return WRITERS[kind]
    if isinstance(value, int):
        return text_of
    return lambda other: quoted(text_of(other))


#: How the values of a type are written within a document.
WRITERS: dict[type, Callable[[Any], str]] = {
    str: quoted,
    int: text_of,
    bool: text_of,
    float: _float,
    Decimal: _number,
    dict: _object,
    list: _array,
    tuple: _array,
    set: _array,
    frozenset: _array,
    Document: str.__str__,
}

for kind in (dict, list, tuple, set, frozenset):
    TEXTS[kind] = json_text
