"""Every way to walk a queryset, beside the database's own ordered result.

A walk is right when it hands out that result, each row once; or when it raises a KeysetError
that says what cannot be followed, and all that it handed out before is the result's beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any

from django.db import Error
from django.db.models import QuerySet

from chunkqs import chunks, keyset_iter
from chunkqs.errors import KeysetError

#: Rows in a chunk; None is the walk's own choice.
SIZES = (1, 2, 3, 5, 7, None)
#: The sizes at which the chunks' querysets are read too, and walks that have no end set.
FEW_SIZES = (1, None)


@dataclass(frozen=True)
class Oracle:
    """The result of a queryset, and the ways to walk it."""

    queryset: QuerySet[Any, Any]
    """In an order that may have ties. Its rows compare as what they are: no instances."""
    expected: Sequence[Any]
    refusal: Sequence[str] | None = None
    """What the text of a KeysetError names; None where the walk has to be exact."""
    sizes: Sequence[int | None] = SIZES

    @classmethod
    def of_keys(
        cls,
        queryset: QuerySet[Any, Any],
        order: Any,
        refusal: Sequence[str] | None = None,
        **more: Any,
    ) -> Oracle:
        """Order `queryset` by one term, and expect its primary keys, the ties by key."""
        keys = queryset.values_list("pk", flat=True)
        tie = "-pk" if is_descending(order) else "pk"
        return cls(keys.order_by(order), list(keys.order_by(order, tie)), refusal, **more)

    def faults(self) -> list[str]:
        """Walk in every way, both ways round; return a line for each that is wrong."""
        found = [f"forwards, {fault}" for fault in self._faults()]
        return found + [f"backwards, {fault}" for fault in self.reversed()._faults()]

    def reversed(self) -> Oracle:
        return replace(self, queryset=self.queryset.reverse(), expected=self.expected[::-1])

    def _faults(self) -> Iterator[str]:
        for size, bounded in product(self.sizes, (True, False)):
            if bounded or size in (*FEW_SIZES, 3):
                yield from self._chunk_faults(size, bounded)
        yield from self._row_faults()
        yield from self._resumed_faults()

    def _chunk_faults(self, size: int | None, bounded: bool) -> Iterator[str]:
        name = f"chunks({size}, bounded={bounded})"
        got, error = self._walked(lambda: chunks(self.queryset, size, bounded=bounded))
        yield from self._judged(name, [row for chunk in got for row in chunk], error)
        for chunk in got if bounded and size in FEW_SIZES else ():
            whole = replace(self, expected=list(chunk))
            own, error = whole._walked(lambda chunk=chunk: chunk.queryset)
            yield from whole._judged(f"{name}, queryset of chunk {chunk.number}", own, error)

    def _row_faults(self) -> Iterator[str]:
        got, error = self._walked(lambda: reversed(keyset_iter(self.queryset, chunk_size=2)))
        yield from self.reversed()._judged("reversed(keyset_iter())", got, error)

    def _resumed_faults(self) -> Iterator[str]:
        tokens, error = self._walked(self._tokens)
        yield from self._judged("keyset_iter(chunk_size=4)", self.expected[: len(tokens)], error)
        for number, token in enumerate(tokens):
            # One chunk, and the first row of the next.
            rest = replace(self, expected=self.expected[number + 1 :][:4])
            name = f"keyset_iter(chunk_size=3, after=row {number})"
            got, error = rest._walked(lambda token=token: self._resumed(token))
            yield from rest._judged(name, got, error)

    def _tokens(self) -> Iterator[str | None]:
        rows = keyset_iter(self.queryset, chunk_size=4)
        for _ in rows:
            yield rows.position

    def _resumed(self, token: str) -> Iterator[Any]:
        return islice(keyset_iter(self.queryset, chunk_size=3, after=token), 4)

    def _walked(self, begin: Callable[[], Iterable[Any]]) -> tuple[list[Any], Exception | None]:
        """Return what a walk handed out, and the error that ended it."""
        got: list[Any] = []
        try:
            # A walk in circles would hand out rows for ever.
            for item in islice(begin(), 2 * len(self.expected) + 2):
                got.append(item)
        except (KeysetError, Error) as error:
            return got, error
        return got, None

    def _judged(self, name: str, got: Sequence[Any], error: Exception | None) -> Iterator[str]:
        if error is None:
            if got != self.expected:
                yield f"{name}: {described(got, self.expected)}"
            return
        if got != self.expected[: len(got)]:
            yield f"{name}: rows were lost before it raised: {described(got, self.expected)}"
        if not isinstance(error, KeysetError) or self.refusal is None:
            yield f"{name}: {type(error).__name__}: {first_line(error)}"
        elif unnamed := unnamed_by(error, (*self.refusal, "stream()")):
            yield f"{name}: the error does not name {', '.join(unnamed)}: {error}"


def is_descending(order: Any) -> bool:
    return order.startswith("-") if isinstance(order, str) else bool(order.descending)


def unnamed_by(error: Exception, parts: Sequence[str]) -> list[str]:
    """Return which of some parts the text of an error does not name, in capitals or not."""
    return [part for part in parts if part.lower() not in str(error).lower()]


def described(got: Sequence[Any], expected: Sequence[Any]) -> str:
    """Say how a walk's rows differ from the expected ones."""
    handed_out, wanted = Counter(map(repr, got)), Counter(map(repr, expected))
    lost, again = (wanted - handed_out).total(), (handed_out - wanted).total()
    return f"{lost} of {len(expected)} rows lost, {again} handed out again: {list(got)}"


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def assert_exact(oracle: Oracle) -> None:
    """Fail, naming the first few faults, unless each way to walk is right."""
    found = oracle.faults()
    assert not found, "\n".join([f"{len(found)} faults:", *found[:8]])
