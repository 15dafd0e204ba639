"""Digests of the parts of Django that chunkqs leans on without a promise.

A digest that differs says that Django has changed the code. Read the change, see whether
the module of `chunkqs.django_internals` that the test is named for still does the same,
and note the new digest in the test.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import textwrap
import tokenize
from typing import Any, NamedTuple

import django

LEFT_OUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


class Watched(NamedTuple):
    """A part of Django, and the digest of its code in each version that it was read in."""

    part: Any
    in_5_2: str
    in_6_0: str
    in_6_1: str

    @property
    def expected(self) -> str:
        versions = {(5, 2): self.in_5_2, (6, 0): self.in_6_0, (6, 1): self.in_6_1}
        return versions[django.VERSION[:2]]


def watched(part: Any, since_5_2: str, **newer: str) -> Watched:
    """Watch a part that is the same since Django 5.2, save in the `newer` versions."""
    in_6_0 = newer.get("since_6_0", since_5_2)
    return Watched(part, since_5_2, in_6_0, newer.get("since_6_1", in_6_0))


def digest(part: Any) -> str:
    """Digest the source code of `part`, or a source code, without comments and layout."""
    source = part if isinstance(part, str) else textwrap.dedent(inspect.getsource(part))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = "".join(token.string for token in tokens if token.type not in LEFT_OUT)
    return hashlib.sha256("".join(code.split()).encode()).hexdigest()[:8]
