"""Tokens: positions, and partitions between two of them, as URL-safe, signed text."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from django.core.signing import BadSignature, Signer

from ..errors import InvalidPosition, KeysetError

#: The form of token that is written here, and read. The first had the driver's values.
VERSION = 2
TOKEN = re.compile(
    r"(?P<kind>[a-z]?)(?P<version>[0-9]{1,4})\.(?P<content>[\w-]+)\.(?P<mac>[\w-]+)", re.ASCII
)
#: Bytes that the model and the ordering each take up in a token.
DIGEST = 6

Position = tuple[Any, ...]


class Kind(NamedTuple):
    """What a token stands for: none of one kind passes for one of another."""

    prefix: str
    salt: str
    advice: str


POSITION = Kind("", "chunkqs.position", "Give the `position` of a walk.")
PARTITION = Kind("p", "chunkqs.partition", "Give a Partition of partitions(), or its token.")


def encode(signature: str, position: Position, kind: Kind = POSITION) -> str:
    """Return `position` as a token, bound to `signature`: "model: ordering"."""
    values = json.dumps([_written(value) for value in position], separators=(",", ":"))
    content = urlsafe_b64encode(_digests(signature) + values.encode())
    return _signer(kind).sign(f"{kind.prefix}{VERSION}.{content.decode().rstrip('=')}")


def decode(signature: str, token: object, kind: Kind = POSITION) -> Position:
    """Return the position that `encode()` made `token` of, for the same signature and kind.

    Raises InvalidPosition, with the reason.
    """
    content = _content(token, kind)
    model, ordering = _split(_digests(signature))
    token_model, token_ordering = _split(content[: 2 * DIGEST])
    if token_model != model:
        raise InvalidPosition(f"The token belongs to another model: {_short(token)}.")
    if token_ordering != ordering:
        raise InvalidPosition(
            f"The token belongs to another ordering: {_short(token)}. Use it with the "
            "order_by() that it was made with."
        )
    return tuple(_read(value) for value in json.loads(content[2 * DIGEST :]))


def _content(token: object, kind: Kind) -> bytes:
    parts = TOKEN.fullmatch(token) if isinstance(token, str) else None
    if parts is None or parts["kind"] != kind.prefix:
        raise InvalidPosition(f"Not a token: {_short(token)}. {kind.advice}")
    if int(parts["version"]) > VERSION:
        raise InvalidPosition(f"The token is of a newer version of chunkqs: {_short(token)}.")
    if int(parts["version"]) < VERSION:
        raise InvalidPosition(
            f"The token is of an older version of chunkqs: {_short(token)}. What it holds may not "
            "be the exact value that the database compares. Begin the walk again without it."
        )
    try:
        _signer(kind).unsign(parts[0])
    except BadSignature:
        raise InvalidPosition(
            f"The token was changed, or signed with another SECRET_KEY: {_short(token)}."
        ) from None
    content = parts["content"]
    return urlsafe_b64decode(content + "=" * (-len(content) % 4))


def _signer(kind: Kind) -> Signer:
    return Signer(sep=".", salt=kind.salt)


def _digests(signature: str) -> bytes:
    model, _, ordering = signature.partition(": ")
    return b"".join(
        blake2b(part.encode(), digest_size=DIGEST).digest() for part in (model, ordering)
    )


def _split(digests: bytes) -> tuple[bytes, bytes]:
    return digests[:DIGEST], digests[DIGEST:]


def _short(token: object) -> str:
    text = repr(token)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _written(value: Any) -> Any:
    """Return `value` as JSON has it, in an object that names the type where JSON lacks it."""
    for kind in PLAIN:
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [_written(part) for part in value]
    for name, (kind, write, _) in TYPES.items():
        if isinstance(value, kind):
            return {name: write(value)}
    raise KeysetError(
        f"A token cannot hold a {type(value).__name__}: {_short(value)}. "
        "Order by another column, or walk without tokens."
    )


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(part) for part in value]
    if not isinstance(value, dict):
        return value
    ((name, written),) = value.items()
    return TYPES[name][2](written)


def _from_base64(text: str) -> bytes:
    return urlsafe_b64decode(text.encode())


def _to_base64(value: bytes) -> str:
    return urlsafe_b64encode(value).decode()


def _to_parts(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


#: Types of JSON; bool first, which is an int too.
PLAIN: tuple[type, ...] = (bool, int, float, str)

#: The other types: by name in the token, how to write and to read it.
#: datetime stands before date, which it is too.
TYPES: dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "t": (datetime, datetime.isoformat, datetime.fromisoformat),
    "d": (date, date.isoformat, date.fromisoformat),
    "c": (time, time.isoformat, time.fromisoformat),
    "s": (timedelta, _to_parts, lambda parts: timedelta(*parts)),
    "n": (Decimal, str, Decimal),
    "u": (UUID, lambda value: value.hex, UUID),
    "b": ((bytes, bytearray, memoryview), _to_base64, _from_base64),
}
