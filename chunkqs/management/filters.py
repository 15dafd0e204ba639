"""Conditions as they are written on a command line: `kind=view`, `id__in=1,2`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, Model

BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def condition(model: type[Model], text: str) -> tuple[str, Any]:
    """Return the lookup and the value of `text`. ValueError where it is no condition."""
    lookup, equals, value = text.partition("=")
    if not equals or not lookup:
        raise ValueError(f"{text!r} is no condition: write it as field=value.")
    if lookup.endswith("__range") and value.count(",") != 1:
        raise ValueError(f"{text!r}: a range has two ends, with a comma between them.")
    if lookup.endswith(("__in", "__range")):
        return lookup, [_operand(model, lookup, part) for part in value.split(",")]
    return lookup, _operand(model, lookup, value)


def _operand(model: type[Model], lookup: str, value: str) -> Any:
    if not lookup.endswith("__isnull") and not _is_boolean(model, lookup):
        return value
    if value.lower() not in BOOLEANS:
        raise ValueError(f"'{lookup}={value}': {lookup} is true or false.")
    return BOOLEANS[value.lower()]


def _is_boolean(model: Any, lookup: str) -> bool:
    field: Any = None
    for part in lookup.split("__"):
        if model is None:
            break
        try:
            field = model._meta.get_field(part)
        except FieldDoesNotExist:
            break
        model = field.related_model
    return isinstance(field, BooleanField)
