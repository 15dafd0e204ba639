"""How the statements of a walk are best written for the indexes that its model declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from django.db.models.expressions import OrderBy

from ..databases.base import Database
from .columns import KeyColumn
from .indexes import Terms, declared_indexes, gives
from .keyset import Keyset


class AccessPath(NamedTuple):
    """What the statements of a walk do for an index."""

    ranges_apart: bool
    """Each range is a SELECT of its own."""
    names_nulls: bool
    """An index is declared that has the first NULLs where the database would not."""
    front: tuple[OrderBy, ...]
    """Columns of one value, to be named before the order."""

    @property
    def pinned(self) -> list[Any]:
        return [term.expression for term in self.front]


def access_path_of(keyset: Keyset, database: Database) -> AccessPath:
    """Choose by the kind of database, the query, and the declared indexes. Runs no query."""
    info = keyset.info
    return AccessPath(
        # UNION takes no lock, and the rows of DISTINCT are not the same in parts.
        ranges_apart=database.reads_ranges_apart and not info.is_locking and not info.is_distinct,
        names_nulls=database.reads_nulls_by_index_order and _names_nulls(keyset, database),
        front=_front(keyset, database) if database.reads_ranges_to_their_end else (),
    )


def _names_nulls(keyset: Keyset, database: Database) -> bool:
    first = keyset.columns[0]
    if not first.nullable or first.nulls_first is None:
        return False
    if first.nulls_first == replace(first, nulls_first=None).has_nulls_first(database):
        return False
    indexes = declared_indexes(keyset.source.model, database)
    return any(_begins_with(terms, first, database) for terms in indexes)


def _begins_with(terms: Terms, column: KeyColumn, database: Database) -> bool:
    """Return whether an index has `column` first, and its NULLs where the order has them."""
    first = terms[0]
    is_reversed = first.descending != column.descending
    if first.nulls_first or first.nulls_last:
        has_nulls_first = bool(first.nulls_first)
    else:
        has_nulls_first = database.has_nulls_first != first.descending
    return (
        first.expression == column.expression
        and (has_nulls_first != is_reversed) == column.nulls_first
    )


def _front(keyset: Keyset, database: Database) -> tuple[OrderBy, ...]:
    """Return the pinned columns before the order in an index that fits all of it.

    A pinned column alone would be looked up there, and the rest of the index be read to the end
    of that value. As an interval from the value to itself, ordered by, it is where to begin.
    """
    info = keyset.info
    if not info.pinned or not info.repeats_rows:
        return ()
    wanted = [column for column in keyset.columns if column.expression not in info.pinned]
    for terms in declared_indexes(keyset.source.model, database):
        front = _pinned_before(terms, info.pinned)
        matched = list(islice(terms, len(front), len(front) + len(wanted)))
        if front and wanted and gives(matched, wanted):
            is_reversed = matched[0].descending != wanted[0].descending
            return tuple(
                OrderBy(term.expression, descending=term.descending != is_reversed)
                for term in front
            )
    return ()


def _pinned_before(terms: Iterable[OrderBy], pinned: Sequence[Any]) -> list[OrderBy]:
    front = []
    for term in terms:
        if term.expression not in pinned:
            break
        front.append(term)
    return front
