"""The first line of an export: names, verbose names, or labels of the caller's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet

from ..django_internals.export_columns import names_of_values as column_names


def labels_of(queryset: QuerySet[Any, Any], header: Any) -> list[str] | None:
    """Return the header that a caller asks for: names, verbose names, or the caller's own.

    `queryset` is one of `rows_of()`. None for no header.
    """
    names = column_names(queryset)
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
