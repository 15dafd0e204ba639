"""The warning of a walk by keyset whose order no index fits."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField
from django.db.models.expressions import Col

from . import order_internals
from .errors import MissingIndexWarning
from .estimates import estimate
from .indexes import UNKNOWN, Table, Term, Terms
from .keyset import Keyset
from .sizing import MOST_ROWS

#: Databases whose indexes are known here, and those of them that sort on from where an index
#: ends: the rows that are alike in its columns, and no others.
KNOWN = {"postgresql", "mysql", "sqlite"}
SORTS_ON = {"postgresql", "sqlite"}
PACKAGE = str(Path(__file__).parent)


class Wanted(NamedTuple):
    """A column of the order, as an index should have it."""

    term: Term
    expression: Any

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


def warn_of_missing_index(keyset: Keyset, connection: BaseDatabaseWrapper) -> None:
    """Warn, with the index that would help, where each chunk would sort the rows anew.

    Where the model declares an index that fits, no query is run. Else the database is asked
    for the indexes that it has, and, of a filtered query, how many rows there are: those of
    one chunk need no index. Of an order over several tables, or groups, nothing is said.
    """
    if connection.vendor not in KNOWN or not _is_of_one_table(keyset):
        return
    table = Table(keyset.source, connection)
    pinned = [Wanted(Term(table.part(c)), c) for c in order_internals.pinned(keyset.source)]
    constant = {one.term for one in pinned}
    wanted = [one for one in _columns(keyset, table) if Term(one.term.part) not in constant]
    if _is_fitted(wanted, constant, table.declared(), connection):
        return
    existing = list(table.existing())
    # A view has no index of its own.
    if not existing or _is_fitted(wanted, constant, existing, connection):
        return
    if not order_internals.is_filtered(keyset.source) or _has_many_rows(keyset, connection):
        text = _text(table, [*pinned, *wanted])
        warnings.warn(text, MissingIndexWarning, stacklevel=_levels_to_caller())


def _columns(keyset: Keyset, table: Table) -> Iterator[Wanted]:
    for column in keyset.columns:
        term = Term(table.part(column.expression), column.descending)
        yield Wanted(term, column.expression)


def _is_of_one_table(keyset: Keyset) -> bool:
    """Tell whether an index of the queryset's own table could fit the order."""
    source = keyset.source
    if order_internals.groups(source) or order_internals.is_distinct(source):
        return False
    own = {order_internals.base_alias(source)}
    return all(order_internals.aliases(column.expression) <= own for column in keyset.columns)


def _is_fitted(
    wanted: Sequence[Wanted],
    constant: Collection[Term],
    indexes: Iterable[Terms],
    connection: BaseDatabaseWrapper,
) -> bool:
    """Tell whether one of the indexes gives the rows in the order, or nearly so."""
    for terms in indexes:
        fitted = _fitted(wanted, constant, terms)
        if len(fitted) == len(wanted):
            return True
        if connection.vendor in SORTS_ON and not all(one.has_few_values for one in fitted):
            return True
    return False


def _fitted(wanted: Sequence[Wanted], constant: Collection[Term], terms: Terms) -> Sequence[Wanted]:
    """Return the columns of the order, from its first, that an index has in that order."""
    turned: list[bool] = []
    for term in terms:
        if len(turned) == len(wanted):
            break
        if wanted[len(turned)].is_at(term):
            turned.append(term.descending != wanted[len(turned)].term.descending)
            # An index is read from either end, but not from both at once.
            if turned[-1] != turned[0]:
                return wanted[: len(turned) - 1]
        elif Term(term.part) not in constant:
            break
    return wanted[: len(turned)]


def _has_many_rows(keyset: Keyset, connection: BaseDatabaseWrapper) -> bool:
    return estimate(keyset.source, connection) > MOST_ROWS


def _text(table: Table, wanted: Sequence[Wanted]) -> str:
    order = ", ".join(one.name or one.term.part.sql for one in wanted)
    return (
        f"No index fits this walk of {table.options.label} by keyset ({order}), so that each "
        f"chunk sorts the rows anew. {_remedy(table, wanted)}. Or use stream(), which sorts "
        "them once."
    )


def _remedy(table: Table, wanted: Sequence[Wanted]) -> str:
    if all(one.name for one in wanted):
        names = ", ".join(f'"{one.name}"' for one in wanted)
        return f"Add models.Index(fields=[{names}]) to the model's Meta.indexes"
    if table.connection.features.supports_expression_indexes:
        return f"Add an index: {table.create_index(one.term for one in wanted)}"
    return (
        f"{table.connection.display_name} has no indexes on expressions: order by a column "
        "instead, which may be a GeneratedField with an index"
    )


def _levels_to_caller() -> int:
    """Count the frames from the one that warns to the first one outside of this package."""
    levels, frame = 0, sys._getframe(1)
    caller: FrameType | None = frame
    while caller is not None and caller.f_code.co_filename.startswith(PACKAGE):
        levels, caller = levels + 1, caller.f_back
    return levels + 1
