"""The warning of a walk by keyset whose order no index fits."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from django.db.backends.base.base import BaseDatabaseWrapper

from ..databases.estimates import estimate
from ..django_internals import expressions as expression_internals
from ..django_internals import filters as filter_internals
from ..django_internals import queries as order_internals
from ..errors import MissingIndexWarning
from ..keyset.index_fit import Order, Wanted
from ..keyset.indexes import Table, Terms
from ..keyset.keyset import Keyset
from ..sources.sizing import MOST_ROWS

#: Databases whose indexes are known here, and those of them that sort on from where an index
#: ends: the rows that are alike in its columns, and no others.
KNOWN = {"postgresql", "mysql", "sqlite"}
SORTS_ON = {"postgresql", "sqlite"}
PACKAGE = str(Path(__file__).parent.parent)


def warn_of_missing_index(keyset: Keyset, connection: BaseDatabaseWrapper) -> None:
    """Warn, with the index that would help, where each chunk would sort the rows anew.

    Where the model declares an index that fits, no query is run. Else the database is asked
    for the indexes that it has, and, of a filtered query, how many rows there are: those of
    one chunk need no index. Of an order over several tables, or groups, nothing is said.
    """
    if connection.vendor not in KNOWN or not _is_of_one_table(keyset):
        return
    order = Order(keyset, connection)
    if _is_fitted(order, order.table.declared(), connection):
        return
    existing = list(order.table.existing())
    # A view has no index of its own.
    if not existing or _is_fitted(order, existing, connection):
        return
    if not filter_internals.is_filtered(keyset.source) or _has_many_rows(keyset, connection):
        text = _text(order.table, [*order.pinned, *order.columns])
        warnings.warn(text, MissingIndexWarning, stacklevel=_levels_to_caller())


def _is_of_one_table(keyset: Keyset) -> bool:
    """Tell whether an index of the queryset's own table could fit the order."""
    source = keyset.source
    if order_internals.groups(source) or order_internals.is_distinct(source):
        return False
    own = {order_internals.base_alias(source)}
    expressions = [column.expression for column in keyset.columns]
    return all(
        expression_internals.aliases(expression) <= own
        and not expression_internals.has_query(expression)
        for expression in expressions
    )


def _is_fitted(order: Order, indexes: Iterable[Terms], connection: BaseDatabaseWrapper) -> bool:
    """Tell whether one of the indexes gives the rows in the order, or nearly so."""
    for fit in order.fits(indexes):
        if fit.columns == len(order.columns):
            return True
        fitted = order.columns[: fit.columns]
        if connection.vendor in SORTS_ON and not all(one.has_few_values for one in fitted):
            return True
    return False


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
    levels = 0
    caller: FrameType | None = sys._getframe(1)
    while caller is not None and caller.f_code.co_filename.startswith(PACKAGE):
        levels, caller = levels + 1, caller.f_back
    return levels + 1
