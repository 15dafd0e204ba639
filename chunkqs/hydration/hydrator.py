"""Turn raw rows into rows: instances, dicts, tuples and single values.

The result equals that of Django's iterable classes, to the last attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

from django.db.models import QuerySet

from ..django_internals.compiler import Block, iterate_block
from ..django_internals.instance_construction import assignment_of, is_unpatched
from ..django_internals.relations import known_relations
from ..django_internals.row_loading import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    SQLCompiler,
    ValuesIterable,
    ValuesListIterable,
    annotations_of,
    fetch_mode_of,
    iterable_class_of,
    loaded_model,
    named_tuple,
    names_of,
    uses_stock_compiler,
)
from .codegen import Constructor, Hydrate, by_width, function
from .converted_columns import SelectedColumns
from .instances import Attribute, InstancePlanner


def hydrator(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate:
    """Return the function that turns a block into rows, for the length of one walk.

    `compiler` has compiled `queryset`. Columns that follow the selected ones in a raw row
    are ignored. The returned list may be the block itself. Runs no query, unless the models'
    own code or a deferred part of a known relation's key does. Raises what Django's
    iteration would, though for the whole block.
    """
    write = WRITERS.get(iterable_class_of(queryset))
    generates = uses_stock_compiler(compiler) and is_unpatched()
    hydrate = write(queryset, compiler) if write and generates else None
    return hydrate or partial(iterate_block, queryset, compiler)


def instances(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate | None:
    """Return the function for rows that are instances; None if from_db() has to build them."""
    columns = SelectedColumns(compiler)
    instance = InstancePlanner(columns).plan(loaded_model(compiler))
    if not instance.is_plain:
        return None
    annotations = [
        Attribute(name, columns.value(index), assignment_of(instance.model, name), True)
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
    return by_width(constructor.generate)


def dicts(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate | None:
    """Return the function for the rows of values()."""
    names = names_of(queryset, compiler, named=False)
    columns = SelectedColumns(compiler)
    if len(names) != len(columns):
        return None
    keys = columns.keys(names)
    items = (f"{key}: {columns.converted(index)}" for index, key in enumerate(keys))
    return each(columns, f"{{{', '.join(items)}}}")


def tuples(queryset: QuerySet[Any, Any], compiler: SQLCompiler) -> Hydrate:
    """Return the function for the rows of values_list()."""
    columns = SelectedColumns(compiler)
    values = "".join(f"{columns.converted(index)}, " for index in range(len(columns)))
    convert = each(columns, f"({values})")
    if not columns.are_raw:
        return convert

    def hydrate(block: Block) -> list[Any]:
        # All rows of a driver are of the same type.
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
    columns = SelectedColumns(compiler)
    return each(columns, columns.converted(0)) if len(columns) == 1 else None


def each(columns: SelectedColumns, row: str) -> Hydrate:
    """Return the function that evaluates the code `row` for each raw row."""

    def generate(width: int) -> Hydrate:
        body = f"return [{row} for {columns.unpacking(width)} in block]"
        return function(["def hydrate(block):", f"    {body}"], "values", columns.namespace)

    return by_width(generate)


WRITERS: dict[type[Any], Callable[[QuerySet[Any, Any], SQLCompiler], Hydrate | None]] = {
    ModelIterable: instances,
    ValuesIterable: dicts,
    ValuesListIterable: tuples,
    NamedValuesListIterable: named_tuples,
    FlatValuesListIterable: single_values,
}
