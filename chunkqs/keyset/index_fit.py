"""Which of a table's indexes gives its rows in the order of a keyset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import Col

from ..django_internals import filters as filter_internals
from .indexes import UNKNOWN, Table, Term, Terms
from .keyset import Keyset


class Wanted(NamedTuple):
    """A column of the order, as an index should have it."""

    term: Term
    expression: Any
    nulls_first: bool | None = None
    """None where it has no NULLs."""

    @property
    def name(self) -> str | None:
        """What `models.Index(fields=)` calls the column; None for an expression."""
        if not isinstance(self.expression, Col):
            return None
        return f"{'-' if self.term.descending else ''}{self.expression.target.name}"

    @property
    def has_few_values(self) -> bool:
        """Whether many rows are sure to be alike in it."""
        field = getattr(self.expression, "target", None)
        return isinstance(field, BooleanField) or bool(getattr(field, "choices", None))

    def is_at(self, term: Term) -> bool:
        """Tell whether it is what an index has in one place."""
        return term.part == self.term.part or (term.part == UNKNOWN and self.name is None)


class Fit(NamedTuple):
    """How much of an order an index gives."""

    columns: int
    """How many of the order's columns, from its first."""
    front: tuple[Wanted, ...]
    """Those before them in the index, of one value each, in the direction of reading."""
    nulls_apart: bool
    """Whether the index has the NULLs of the first column on the other side."""


class Order:
    """The order of a keyset, as the indexes of its table can be compared with it."""

    def __init__(self, keyset: Keyset, connection: BaseDatabaseWrapper) -> None:
        self._keyset = keyset
        self._connection = connection
        self.table = Table(keyset.source, connection)

    @cached_property
    def pinned(self) -> list[Wanted]:
        """The columns that are the same in all rows, by the query's filters."""
        columns = filter_internals.alike(self._keyset.source)
        return [Wanted(Term(self.table.part(column)), column) for column in columns]

    @cached_property
    def columns(self) -> list[Wanted]:
        """The columns of the keyset, less those that are pinned."""
        pinned = {one.term.part for one in self.pinned}
        columns = (
            Wanted(
                Term(self.table.part(column.expression), column.descending),
                column.expression,
                column.has_nulls_first(self._connection) if column.nullable else None,
            )
            for column in self._keyset.columns
        )
        return [one for one in columns if one.term.part not in pinned]

    def fits(self, indexes: Iterable[Terms]) -> Iterator[Fit]:
        """Yield how much of the order each of the indexes gives."""
        return map(self._fit, indexes)

    def _fit(self, terms: Terms) -> Fit:
        pinned = {one.term.part: one for one in self.pinned}
        front: list[tuple[Wanted, Term]] = []
        matched: list[tuple[Wanted, Term]] = []
        for term in terms:
            rest = self.columns[len(matched) :]
            if rest and rest[0].is_at(term):
                if matched and not self._goes_on(matched[0], (rest[0], term)):
                    break
                matched.append((rest[0], term))
            elif term.part not in pinned:
                break
            elif not matched:
                front.append((pinned[term.part], term))
        turned = bool(matched) and _is_turned(*matched[0])
        return Fit(
            columns=len(matched),
            front=tuple(
                one._replace(term=Term(term.part, term.descending != turned)) for one, term in front
            ),
            nulls_apart=bool(matched) and not self._has_nulls_at(*matched[0], turned),
        )

    def _goes_on(self, first: tuple[Wanted, Term], then: tuple[Wanted, Term]) -> bool:
        """An index is read from either end, but not from both at once."""
        turned = _is_turned(*first)
        return _is_turned(*then) == turned and self._has_nulls_at(*then, turned)

    def _has_nulls_at(self, one: Wanted, term: Term, turned: bool) -> bool:
        """Tell whether the index, so read, has the NULLs of a column where the order has them."""
        nulls_first = term.nulls_first
        if nulls_first is None:
            nulls_first = bool(self._connection.features.order_by_nulls_first) != term.descending
        return one.nulls_first is None or one.nulls_first == (nulls_first != turned)


def _is_turned(one: Wanted, term: Term) -> bool:
    return one.term.descending != term.descending
