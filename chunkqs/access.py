"""How the statements of a walk are best written for the indexes that its model declares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from . import order_internals
from .index_fit import Order
from .key_columns import KeyColumn
from .keyset import Keyset

#: Databases that find their place in an index for one range, but not for several at once.
READS_RANGES_APART = {"postgresql", "sqlite"}
#: Databases that read an index along an order only with the NULLs on the index's side.
READS_NULLS_APART = {"postgresql", "mysql"}


class Access(NamedTuple):
    """What the statements of a walk do for an index."""

    ranges_apart: bool
    """Each range is a SELECT of its own."""
    nulls_apart: bool
    """The rows with a NULL in the first column are."""
    front: tuple[tuple[Any, bool], ...]
    """Columns of one value that stand before the order, and whether they descend."""

    @property
    def pinned(self) -> list[Any]:
        return [column for column, _ in self.front]


def access_of(keyset: Keyset, connection: BaseDatabaseWrapper) -> Access:
    """Choose by the kind of database, the query, and the declared indexes. Runs no query."""
    source = keyset.source
    # Neither is allowed with UNION, or is the same in parts.
    divides = not order_internals.is_locking(source) and not order_internals.is_distinct(source)
    return Access(
        ranges_apart=divides and connection.vendor in READS_RANGES_APART,
        nulls_apart=divides and _has_nulls_apart(keyset, connection),
        front=_front(keyset, connection),
    )


def _has_nulls_apart(keyset: Keyset, connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the order wants its first NULLs where no index is known to have them."""
    first, *rest = (_has_usual_nulls(column, connection) for column in keyset.columns)
    if connection.vendor not in READS_NULLS_APART or first:
        return False
    # MySQL and MariaDB cannot sort a UNION so, nor have they an index that would help.
    if connection.vendor == "mysql" and not all(rest):
        return False
    order = Order(keyset, connection)
    return not any(f.columns and not f.nulls_apart for f in order.fits(order.table.declared()))


def _has_usual_nulls(column: KeyColumn, connection: BaseDatabaseWrapper) -> bool:
    usual = replace(column, nulls_first=None).has_nulls_first(connection)
    return not column.nullable or column.has_nulls_first(connection) == usual


def _front(keyset: Keyset, connection: BaseDatabaseWrapper) -> tuple[tuple[Any, bool], ...]:
    """Return the pinned columns before the order in an index that fits.

    MySQL and MariaDB look for a pinned column alone in such an index, and read on from there,
    but for an interval they look as far as the interval goes: even one from a value to the
    same.
    """
    if connection.vendor != "mysql" or not order_internals.pinned(keyset.source):
        return ()
    if order_internals.groups(keyset.source) or order_internals.is_distinct(keyset.source):
        return ()
    order = Order(keyset, connection)
    for fit in order.fits(order.table.declared()):
        if fit.columns == len(order.columns) and fit.front:
            return tuple((one.expression, one.term.descending) for one in fit.front)
    return ()
