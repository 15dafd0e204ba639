"""The QuerySet and the managers that carry the chunked methods."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from django.db import models

from . import functions

AnyModel = TypeVar("AnyModel", bound=models.Model, covariant=True)
Row = TypeVar("Row", covariant=True)


class ChunkedQuerySetMixin:
    """Puts `stream()`, `keyset_iter()` and `chunks()` onto any QuerySet class."""

    stream = functions.stream
    keyset_iter = functions.keyset_iter
    chunks = functions.chunks


class ChunkedQuerySet(ChunkedQuerySetMixin, models.QuerySet[AnyModel, Row]):
    """A QuerySet with `stream()`, `keyset_iter()` and `chunks()`."""


class ChunkedManagerMixin:
    """Puts the same methods onto any manager, and onto every queryset that it gives out."""

    stream = functions.stream
    keyset_iter = functions.keyset_iter
    chunks = functions.chunks

    def get_queryset(self) -> Any:
        """Return the manager's own queryset, with the chunked methods."""
        return _chunked(super().get_queryset())  # type: ignore[misc]


class ChunkedManager(ChunkedManagerMixin, models.Manager[AnyModel]):
    """A manager with `stream()`, `keyset_iter()` and `chunks()`, as its querysets have them."""

    _queryset_class = ChunkedQuerySet


def _chunked(queryset: models.QuerySet[Any, Any]) -> models.QuerySet[Any, Any]:
    """Return `queryset` as it is, or as one of its class with the mixin in front.

    The state moves to a new object: the one that was given keeps its class, as someone
    else may hold it.
    """
    if isinstance(queryset, ChunkedQuerySetMixin):
        return queryset
    chunked = object.__new__(_chunked_class(type(queryset)))
    chunked.__dict__.update(queryset.all().__dict__)
    return chunked


@cache
def _chunked_class(queryset_class: type[Any]) -> type[Any]:
    if queryset_class is models.QuerySet:
        return ChunkedQuerySet
    return type(
        f"Chunked{queryset_class.__name__}",
        (ChunkedQuerySetMixin, queryset_class),
        {"__module__": __name__, "__reduce__": _reduce, "_unchunked_class": queryset_class},
    )


def _reduce(queryset: Any) -> tuple[Any, ...]:
    """Pickle by the class that can be found by its name, which _chunked_class() cannot."""
    return _unpickled, (queryset._unchunked_class,), queryset.__getstate__()


def _unpickled(queryset_class: type[Any]) -> Any:
    return object.__new__(_chunked_class(queryset_class))
