"""How the statements of a walk are best written for the indexes that its model declares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals import filters as filter_internals
from ..django_internals import queries as order_internals
from .index_fit import Order
from .keyset import Keyset

#: Databases that find their place in an index for one range, but not for several at once.
READS_RANGES_APART = {"postgresql", "sqlite"}


class Access(NamedTuple):
    """What the statements of a walk do for an index."""

    ranges_apart: bool
    """Each range is a SELECT of its own."""
    names_nulls: bool
    """An index is declared that has the first NULLs where the database would not."""
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
        names_nulls=_names_nulls(keyset, connection),
        front=_front(keyset, connection),
    )


def _names_nulls(keyset: Keyset, connection: BaseDatabaseWrapper) -> bool:
    """PostgreSQL reads such an index for an order that has the NULLs there, and no other."""
    first = keyset.columns[0]
    if connection.vendor != "postgresql" or not first.nullable or first.nulls_first is None:
        return False
    usual = replace(first, nulls_first=None).has_nulls_first(connection)
    if first.nulls_first == usual:
        return False
    order = Order(keyset, connection)
    return any(fit.columns and not fit.nulls_apart for fit in order.fits(order.table.declared()))


def _front(keyset: Keyset, connection: BaseDatabaseWrapper) -> tuple[tuple[Any, bool], ...]:
    """Return the pinned columns before the order in an index that fits.

    MySQL and MariaDB look for a pinned column alone in such an index, and read on from there,
    but for an interval they look as far as the interval goes: even one from a value to the
    same.
    """
    if connection.vendor != "mysql" or not filter_internals.pinned(keyset.source):
        return ()
    if order_internals.groups(keyset.source) or order_internals.is_distinct(keyset.source):
        return ()
    pinned = filter_internals.pinned(keyset.source)
    order = Order(keyset, connection)
    for fit in order.fits(order.table.declared()):
        in_front = bool(fit.front) and all(one.expression in pinned for one in fit.front)
        if fit.columns == len(order.columns) and in_front:
            return tuple((one.expression, one.term.descending) for one in fit.front)
    return ()
