"""The QuerySet and the managers that carry the chunked methods."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, Self, overload

from django.db import models

from .callers_line import warn
from .django_internals.reads_into_memory import NoticesWholeResults
from .errors import LargeResultWarning
from .methods import ChunkedMethods
from .partitions.partition import Partition

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    AnyModel = TypeVar("AnyModel", bound=models.Model, covariant=True)
    Row = TypeVar("Row", covariant=True, default=AnyModel)
    Owner = TypeVar("Owner", bound=models.Model)
else:  # a TypeVar has a default from Python 3.13 on
    from typing import TypeVar

    AnyModel = TypeVar("AnyModel", bound=models.Model, covariant=True)
    Row = TypeVar("Row", covariant=True)


# mypy takes MYPY for true, whatever is assigned. Its plugin for Django knows the model of a
# manager, and what `as_manager()` returns; other type checkers are told.
MYPY = False


class ChunkedQuerySetMixin(ChunkedMethods, NoticesWholeResults):
    """Add `stream()`, `keyset_iter()`, `chunks()` and the others to any QuerySet class."""

    def whole_result_read(self, rows: int) -> None:
        """Warn at the line of the loop, with the method to use."""
        model: type[models.Model] = self.model  # type: ignore[attr-defined]
        warn(
            f"{rows:,} rows of {model._meta.label} were read into memory at once "
            "(CHUNKQS['WARN_ROWS']). End the queryset with .stream() to read them a chunk at a "
            "time, as in `for row in queryset.stream():`, or with .keyset_iter() or .chunks() "
            "where the loop takes long.",
            LargeResultWarning,
        )


class ChunkedQuerySet(ChunkedQuerySetMixin, models.QuerySet[AnyModel, Row]):
    """A QuerySet with `stream()`, `keyset_iter()` and `chunks()`."""

    if TYPE_CHECKING:
        # For type checkers these return a plain QuerySet; at run time it is one of this class.
        def values(
            self, *fields: Any, **expressions: Any
        ) -> ChunkedQuerySet[AnyModel, dict[str, Any]]: ...
        def values_list(
            self, *fields: Any, flat: bool = ..., named: bool = ...
        ) -> ChunkedQuerySet[AnyModel, Any]: ...
        def dates(
            self, field_name: str, kind: Any, order: Any = ...
        ) -> ChunkedQuerySet[AnyModel, date]: ...
        def datetimes(
            self, field_name: str, kind: Any, order: Any = ..., tzinfo: Any = ...
        ) -> ChunkedQuerySet[AnyModel, datetime]: ...
        def extra(self, *args: Any, **kwargs: Any) -> ChunkedQuerySet[Any, Any]: ...
        def partition(self, partition: Partition | str) -> Self: ...

    if TYPE_CHECKING and not MYPY:

        @classmethod
        def as_manager(cls) -> ChunkedManager[AnyModel]: ...  # type: ignore[unreachable]


class ChunkedManagerMixin(ChunkedMethods):
    """Add the same methods to any manager, and to every queryset that it returns."""

    def get_queryset(self) -> Any:
        """Return the manager's own queryset, with the chunked methods."""
        return _chunked(super().get_queryset())  # type: ignore[misc]


class JustChunkedManager(Protocol):
    """A ChunkedManager itself; not a class derived from it, as a list's type is invariant."""

    def _exactly(self) -> list[ChunkedManager[Any]]: ...


class ChunkedManager(ChunkedManagerMixin, models.Manager[AnyModel]):
    """A manager with `stream()`, `keyset_iter()` and `chunks()`, as its querysets have them."""

    _queryset_class = ChunkedQuerySet

    if TYPE_CHECKING:
        # Type checkers take a manager's querysets for plain ones; these are where a chain begins.
        def get_queryset(self) -> ChunkedQuerySet[AnyModel]: ...
        def all(self) -> ChunkedQuerySet[AnyModel]: ...
        def none(self) -> ChunkedQuerySet[AnyModel]: ...
        def using(self, alias: str | None) -> ChunkedQuerySet[AnyModel]: ...
        def partition(self, partition: Partition | str) -> ChunkedQuerySet[AnyModel]: ...
        def filter(self, *args: Any, **kwargs: Any) -> ChunkedQuerySet[AnyModel]: ...
        def exclude(self, *args: Any, **kwargs: Any) -> ChunkedQuerySet[AnyModel]: ...
        def complex_filter(self, filter_obj: Any) -> ChunkedQuerySet[AnyModel]: ...
        def union(self, *other_qs: Any, all: bool = ...) -> ChunkedQuerySet[AnyModel]: ...
        def intersection(self, *other_qs: Any) -> ChunkedQuerySet[AnyModel]: ...
        def difference(self, *other_qs: Any) -> ChunkedQuerySet[AnyModel]: ...
        def order_by(self, *field_names: Any) -> ChunkedQuerySet[AnyModel]: ...
        def reverse(self) -> ChunkedQuerySet[AnyModel]: ...
        def distinct(self, *field_names: str) -> ChunkedQuerySet[AnyModel]: ...
        def defer(self, *fields: Any) -> ChunkedQuerySet[AnyModel]: ...
        def only(self, *fields: str) -> ChunkedQuerySet[AnyModel]: ...
        def fetch_mode(self, fetch_mode: Any) -> ChunkedQuerySet[AnyModel]: ...
        def select_related(self, *fields: Any) -> ChunkedQuerySet[AnyModel]: ...
        def prefetch_related(self, *lookups: Any) -> ChunkedQuerySet[AnyModel]: ...
        def annotate(self, *args: Any, **kwargs: Any) -> ChunkedQuerySet[AnyModel]: ...
        def alias(self, *args: Any, **kwargs: Any) -> ChunkedQuerySet[AnyModel]: ...
        def select_for_update(
            self, nowait: bool = ..., skip_locked: bool = ..., of: Any = ..., no_key: bool = ...
        ) -> ChunkedQuerySet[AnyModel]: ...
        def values(
            self, *fields: Any, **expressions: Any
        ) -> ChunkedQuerySet[AnyModel, dict[str, Any]]: ...
        def values_list(
            self, *fields: Any, flat: bool = ..., named: bool = ...
        ) -> ChunkedQuerySet[AnyModel, Any]: ...
        def dates(
            self, field_name: str, kind: Any, order: Any = ...
        ) -> ChunkedQuerySet[AnyModel, date]: ...
        def datetimes(
            self, field_name: str, kind: Any, order: Any = ..., tzinfo: Any = ...
        ) -> ChunkedQuerySet[AnyModel, datetime]: ...
        def extra(self, *args: Any, **kwargs: Any) -> ChunkedQuerySet[Any, Any]: ...

    if TYPE_CHECKING and not MYPY:

        def _exactly(self) -> list[Self]: ...
        @overload  # type: ignore[unreachable]
        def __get__(
            self: JustChunkedManager, instance: None, cls: type[Owner]
        ) -> ChunkedManager[Owner]: ...
        @overload
        def __get__(self, instance: Any, cls: Any = ...) -> Self: ...


def _chunked(queryset: models.QuerySet[Any, Any]) -> models.QuerySet[Any, Any]:
    """Return `queryset` as it is, or as one of its class with the mixin in front.

    The state moves to a new object: the one that was given keeps its class, as someone
    else may hold it.
    """
    if isinstance(queryset, ChunkedQuerySetMixin):
        return queryset
    queryset_class: Any = type(queryset)
    chunked: models.QuerySet[Any, Any] = object.__new__(_chunked_class(queryset_class))
    chunked.__dict__.update(queryset.all().__dict__)
    return chunked


@cache
def _chunked_class(queryset_class: Any) -> type[Any]:
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
    return object.__new__(_chunked_class(queryset_class))  # type: ignore[arg-type]
