"""What the tests of pages share: all the pages of a paginator, and changed tokens."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from typing import Any

from chunkqs import KeysetPage, KeysetPaginator


def forward(paginator: KeysetPaginator[Any], token: str | None = None) -> Iterator[KeysetPage[Any]]:
    """Yield the page of `token`, the first one by default, and all that come after it."""
    page = paginator.page(token)
    yield page
    while page.has_next():
        page = paginator.page(page.next_token)
        yield page


def backward(paginator: KeysetPaginator[Any], token: str = "last") -> Iterator[KeysetPage[Any]]:
    """Yield the page of `token`, the last one by default, and all that come before it."""
    page = paginator.page(token)
    yield page
    while page.has_previous():
        page = paginator.page(page.previous_token)
        yield page


def mutations(token: str, seed: int, count: int) -> set[str]:
    """Return changed tokens: some characters replaced, left out, put in, doubled or swapped."""
    source = random.Random(seed)
    characters = string.ascii_letters + string.digits + "-_.=%+/ \x00é\ud800\U0001f600\n"
    changed: set[str] = set()
    while len(changed) < count:
        parts = list(token)
        for _ in range(source.choice([1, 1, 1, 2, 5])):
            place = source.randrange(len(parts))
            other = source.choice(characters)
            change = source.choice([[other], [], [parts[place], other], [parts[place]] * 2])
            parts[place : place + 1] = change
        cut = source.choice([slice(None)] * 9 + [slice(source.randrange(len(parts)))])
        changed.add("".join(parts[cut]))
    return changed - {token, "", "first", "last"}
