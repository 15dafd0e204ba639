"""Turn raw rows into rows: by generated code where it can, else by Django's iterable class.

The result equals that of Django's iterable classes, to the last attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import QuerySet

from ..django_internals.compiler import iterate_block
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
    uses_stock_compiler,
)
from .codegen import Constructor, Hydrate, by_width
from .converted_columns import SelectedColumns
from .instances import Attribute, InstancePlanner
from .values_rows import dicts, named_tuples, single_values, tuples


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


WRITERS: dict[type[Any], Callable[[QuerySet[Any, Any], SQLCompiler], Hydrate | None]] = {
    ModelIterable: instances,
    ValuesIterable: dicts,
    ValuesListIterable: tuples,
    NamedValuesListIterable: named_tuples,
    FlatValuesListIterable: single_values,
}
