"""The rows of values() and values_list(): dicts, tuples and single values."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from django.db.models import QuerySet

from ..django_internals.compiler import Block
from ..django_internals.row_loading import SQLCompiler, named_tuple, names_of
from .codegen import Hydrate, by_width, function
from .converted_columns import SelectedColumns


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
