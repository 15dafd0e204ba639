"""How the rows of a walk are built: by our own code, or by that of another package."""

from __future__ import annotations

from functools import partial

from ..django_internals.iterables import has_own_iterable, has_own_iteration
from ..django_internals.row_loading import iterable_class_of
from ..exports.rows import RowIterable
from ..sources.sizing import FixedSize
from ..sources.stream import OpenSource
from .block_builder import Builder, Fetch, block_builder
from .foreign_iterables import IterableBuilder, builder_by_block
from .plan import Plan, Positioner


def builder(
    plan: Plan,
    opened: OpenSource,
    positioner: Positioner | None,
    fetch: Fetch,
    sizes: FixedSize,
    alias: str,
) -> Builder:
    """Return what builds the rows of a walk, in the way that its queryset asks for."""
    queryset = plan.queryset.using(alias)
    is_export = opened.is_written or issubclass(iterable_class_of(queryset), RowIterable)
    iterates = has_own_iteration(queryset)
    if is_export or not (iterates or has_own_iterable(queryset)):
        return block_builder(queryset, opened, fetch, sizes, is_chunked=plan.is_chunked)
    by_block = partial(builder_by_block, plan, queryset, opened, positioner, fetch, sizes)
    if iterates:
        return by_block()
    return IterableBuilder(
        queryset,
        opened,
        fetch,
        sizes,
        is_chunked=plan.is_chunked,
        by_block=by_block,
        positioner=positioner,
        start=plan.after,
    )
