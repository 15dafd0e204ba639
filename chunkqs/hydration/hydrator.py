"""Raw rows into rows: instances, dicts, tuples and single values.

What comes out equals what Django's iterable classes give, to the last attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

from django.db.models import QuerySet

from ..django_internals.compiler import Block, iterate_block
from ..django_internals.models import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    SQLCompiler,
    ValuesIterable,
    ValuesListIterable,
    annotations_of,
    fetch_mode_of,
    is_as_django_has_it,
    named_tuple,
    names_of,
    reads_as_django,
    slot_of,
)
from ..django_internals.relations import known_relations
from .codegen import Hydrate, by_width, function
from .columns import Columns
from .constructors import Constructor
from .instances import Attribute, InstanceReader


def hydrator(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate:
    """Return the function that turns a block into rows, for the length of one walk.

    `compiler` has compiled `queryset`. What stands in a raw row behind the selected
    columns is left out. The list that comes back may be the block itself. Runs no
    query, unless the models' own code or a deferred part of a known relation's key
    does. Raises what Django's iteration would, though for the whole block.
    """
    write = WRITERS.get(queryset._iterable_class)
    stands_in = compiler.select and reads_as_django(compiler) and is_as_django_has_it()
    if write is None or not stands_in:
        return partial(iterate_block, queryset, compiler)
    return write(queryset, compiler) or partial(iterate_block, queryset, compiler)


def instances(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate | None:
    """Return the function for rows that are instances; None if from_db() has to make them."""
    columns = Columns(compiler)
    instance = InstanceReader(compiler, columns).read(compiler.klass_info)
    if not instance.is_plain:
        return None
    annotations = [
        Attribute(name, columns.value(index), slot_of(instance.model, name), True)
        for name, index in annotations_of(compiler).items()
    ]
    if any(type(annotation.name) is not str for annotation in annotations):
        return None
    constructor = Constructor(
        columns=columns,
        instance=instance,
        annotations=annotations,
        known=known_relations(queryset),
        db=queryset.db,
        fetch_mode=fetch_mode_of(queryset),
    )
    return by_width(constructor.make)


def dicts(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate | None:
    """Return the function for the rows of values()."""
    names = names_of(queryset, compiler, named=False)
    columns = Columns(compiler)
    if len(names) != len(columns):
        return None
    keys = columns.keys(names)
    items = (f"{key}: {columns.converted(index)}" for index, key in enumerate(keys))
    return each(columns, f"{{{', '.join(items)}}}")


def tuples(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate:
    """Return the function for the rows of values_list()."""
    columns = Columns(compiler)
    values = "".join(f"{columns.converted(index)}, " for index in range(len(columns)))
    convert = each(columns, f"({values})")
    if not columns.are_raw:
        return convert

    def hydrate(block: Block) -> list[Any]:
        # A driver's rows are all of one type.
        if block and type(block[0]) is tuple and len(block[0]) == columns.width:
            return block
        return convert(block)

    return hydrate


def named_tuples(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate:
    """Return the function for the rows of values_list(named=True)."""
    kind = named_tuple(names_of(queryset, compiler, named=True))
    convert = tuples(queryset, compiler)
    return lambda block: list(map(tuple.__new__, repeat(kind), convert(block)))


def single_values(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate | None:
    """Return the function for the rows of values_list(flat=True)."""
    columns = Columns(compiler)
    return each(columns, columns.converted(0)) if len(columns) == 1 else None


def each(columns: Columns, row: str) -> Hydrate:
    """Return the function that makes of each raw row what the code `row` says."""

    def make(width: int) -> Hydrate:
        code = f"return [{row} for {columns.unpacking(width)} in block]"
        return function([f"def hydrate(block): {code}"], "values", columns.namespace)

    return by_width(make)


WRITERS: dict[type[Any], Callable[[QuerySet[Any, Any], SQLCompiler], Hydrate | None]] = {
    ModelIterable: instances,
    ValuesIterable: dicts,
    ValuesListIterable: tuples,
    NamedValuesListIterable: named_tuples,
    FlatValuesListIterable: single_values,
}
