"""The rows and columns of an export: those of `values()`."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import QuerySet

from ..databases import database_of
from ..databases.answers import StoredMoment
from ..django_internals.export_columns import (
    Conversion,
    conversions_of,
    is_made_by_django,
    selects_composite,
    stores_utc,
    values_of,
    with_iterable_class,
)
from ..django_internals.queries import prefetch_lookups
from ..django_internals.row_loading import SQLCompiler, ValuesListIterable, selected
from ..hydration.codegen import Hydrate
from ..hydration.converted_columns import SelectedColumns
from ..hydration.hydrator import WRITERS
from ..hydration.values_rows import each
from .json_values import Document, document_of


class RowIterable(ValuesListIterable):  # type: ignore[type-arg]
    """The rows of an export: those of `values_list()`, but documents are JSON text."""


class TextIterable(RowIterable):
    """The same, but moments may be text, where that saves it to make them."""


def rows_with_documents(
    queryset: QuerySet[Any, Any], compiler: SQLCompiler, *, as_text: bool
) -> Hydrate:
    """Return the function that makes rows of a block."""
    columns, conversions = SelectedColumns(compiler), conversions_of(compiler)
    connection = compiler.connection
    writes_jsonb = database_of(connection).writes_jsonb
    columns.namespace.update(as_is=Document, document=document_of, moment=moment_text_of)
    cells = []
    for index, expression in enumerate(selected(compiler)):
        conversion, code = conversions[index], columns.converted(index)
        if conversion is Conversion.DOCUMENT:
            write = "as_is" if writes_jsonb and is_made_by_django(expression) else "document"
            code = f"None if c{index} is None else {write}(c{index})"
        if conversion is Conversion.MOMENT and as_text and stores_utc(connection):
            code = f"moment(c{index}) or {code}"
        cells.append(code)
    return each(columns, f"({''.join(f'{cell}, ' for cell in cells)})")


def moment_text_of(stored: Any) -> str | None:
    """Write what a column without zones has, a moment in UTC; None for whatever else it has."""
    if type(stored) is StoredMoment:
        return f"{stored}+00:00"
    if type(stored) is not datetime or stored.tzinfo is not None:
        return None
    text = stored.isoformat()
    return f"{text.rstrip('0') if stored.microsecond else text}+00:00"


WRITERS[RowIterable] = partial(rows_with_documents, as_text=False)
WRITERS[TextIterable] = partial(rows_with_documents, as_text=True)


def rows_of(queryset: QuerySet[Any, Any], *, as_text: bool = False) -> QuerySet[Any, Any]:
    """Return a queryset of the same rows as tuples: of the columns that `values()` would have.

    `as_text`: their values will be written as text, and may be text already.

    TypeError for one that has no such columns.
    """
    if prefetch_lookups(queryset):
        queryset = queryset.prefetch_related(None)
    rows = with_iterable_class(values_of(queryset), TextIterable if as_text else RowIterable)
    if selects_composite(rows):
        raise TypeError(
            "A composite primary key is several columns. Name its fields in values() to export "
            "them."
        )
    return rows
