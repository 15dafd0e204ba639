"""The rows and columns of an export: those of `values()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet

from ..databases import database_of
from ..django_internals.compiler import Block
from ..django_internals.values import (
    is_document,
    names_of_values,
    reads_as_django,
    selects_composite,
    values_of,
)
from ..hydration.columns import Columns
from ..hydration.hydrator import each
from .documents import Document, document_of


class RowIterable:
    """Yields the rows of an export, as tuples of Django's values; documents stay text."""

    def __init__(self, queryset: Any, chunked_fetch: bool = False, chunk_size: int = 2000) -> None:
        self._queryset = queryset
        self._options = {"chunked_fetch": chunked_fetch, "chunk_size": chunk_size}

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        compiler = self._queryset.query.get_compiler(using=self._queryset.db)
        if not reads_as_django(compiler):
            yield from compiler.results_iter(tuple_expected=True, **self._options)
            return
        convert = _converter(Columns(compiler), database_of(compiler.connection).writes_jsonb)
        for block in compiler.execute_sql(**self._options):
            yield from convert(block)


def _converter(columns: Columns, is_canonical: bool) -> Any:
    """Return what makes values of a block, as `values_list()` does, but leaves JSON as text."""
    cells = []
    columns.namespace["document"] = Document if is_canonical else document_of
    for index, (start, _) in enumerate(columns.spans):
        code = columns.converted(index)
        if is_document(columns.converters.get(start)):
            code = f"None if c{start} is None else document(c{start})"
        cells.append(code)
    return each(columns, f"({''.join(f'{cell}, ' for cell in cells)})")


def rows_of(queryset: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Return a queryset of the same rows as tuples: of the columns that `values()` would have.

    TypeError for one that has no such columns.
    """
    rows = values_of(queryset)
    rows._iterable_class = RowIterable  # type: ignore[attr-defined]
    if selects_composite(rows):
        raise TypeError(
            "A composite primary key is several columns. Name its fields in values() to export "
            "them."
        )
    return rows


def labels_of(queryset: QuerySet[Any, Any], header: Any) -> list[str] | None:
    """Return the header that a caller asks for: names, verbose names, or the caller's own.

    `queryset` is one of `rows_of()`. None for no header.
    """
    names = names_of_values(queryset)
    if header is False:
        return None
    if header is True:
        return names
    if header == "verbose_name":
        return [_verbose_name(queryset.model, name) for name in names]
    if isinstance(header, str) or not isinstance(header, Iterable):
        raise TypeError(
            f"csv(header={header!r}): use True for names, False for none, 'verbose_name', or a "
            "list of your own."
        )
    own = [str(label) for label in header]
    if len(own) != len(names):
        raise ValueError(
            f"csv(header=...) has {len(own)} labels for {len(names)} columns: {', '.join(names)}."
        )
    return own


def _verbose_name(model: Any, name: str) -> str:
    """Return the verbose name of the field that a path leads to; of an annotation its own."""
    field = None
    for part in name.split("__"):
        try:
            field = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            return name
        model = field.related_model
        if model is None:
            break
    return str(getattr(field, "verbose_name", name))
