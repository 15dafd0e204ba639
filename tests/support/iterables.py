"""Iterable classes and QuerySets with ways of their own, as other packages have them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesIterable


class OnePerUser(ModelIterable):
    """Remembers what it has seen, and leaves rows out."""

    def __iter__(self) -> Iterator[Any]:
        seen = set()
        for row in super().__iter__():
            if row.user_id not in seen:
                seen.add(row.user_id)
                yield row


class Numbered(ModelIterable):
    """Counts."""

    def __iter__(self) -> Iterator[Any]:
        for number, row in enumerate(super().__iter__()):
            row.row_number = number
            yield row


class NumberedValues(ValuesIterable):
    """Counts rows that are no instances."""

    def __iter__(self) -> Iterator[Any]:
        for number, row in enumerate(super().__iter__()):
            yield {**row, "row_number": number}


class Batches(ModelIterable):
    """Reads as many rows as it is told to before the first comes out, as django-polymorphic."""

    sizes: list[int] = []

    def __iter__(self) -> Iterator[Any]:
        rows = super().__iter__()
        while batch := list(islice(rows, self.chunk_size)):
            self.sizes.append(len(batch))
            found = self.queryset.model._base_manager.in_bulk([row.pk for row in batch])
            yield from (found[row.pk] for row in batch)


class Derived(ModelIterable):
    """Asks a query derived from its queryset, as wagtail."""

    def __iter__(self) -> Iterator[Any]:
        values = self.queryset.values("pk", "kind").iterator(self.chunk_size)
        while batch := list(islice(values, self.chunk_size)):
            found = self.queryset.model._base_manager.in_bulk([row["pk"] for row in batch])
            yield from (found[row["pk"]] for row in batch)


class DerivedKeys(ModelIterable):
    """Asks a derived query, and hands out its rows."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.queryset.values_list("pk", flat=True))


class CountsFirst(ModelIterable):
    """Counts its queryset before it reads it."""

    def __iter__(self) -> Iterator[Any]:
        total = self.queryset.count()
        for row in super().__iter__():
            row.total = total
            yield row


class LooksAtSql(ModelIterable):
    """Compiles its query without running it."""

    def __iter__(self) -> Iterator[Any]:
        assert "SELECT" in str(self.queryset.query)
        return super().__iter__()


class Pairs(ModelIterable):
    """Yields each row twice."""

    def __iter__(self) -> Iterator[Any]:
        return (row for row in super().__iter__() for _ in range(2))


class HeaderFirst(ModelIterable):
    """Yields something else than a row, before it reads any."""

    def __iter__(self) -> Iterator[Any]:
        yield "header"
        yield from super().__iter__()


class ReadsTwice(ModelIterable):
    """Goes over its queryset a second time."""

    def __iter__(self) -> Iterator[Any]:
        number = sum(1 for _ in super().__iter__())
        for row in super().__iter__():
            row.number = number
            yield row


class Doubled(FlatValuesListIterable):
    """Makes other values of the rows."""

    def __iter__(self) -> Iterator[Any]:
        return (value * 2 for value in super().__iter__())


class OwnFetch(QuerySet):
    """Makes other rows of those that were fetched, as django-simple-history."""

    def _fetch_all(self) -> None:
        is_fresh = self._result_cache is None
        super()._fetch_all()
        if is_fresh:
            rows: Any = self._result_cache
            self._result_cache = [(type(row).__name__, row.pk) for row in rows]


class OwnIter(QuerySet):
    """Leaves a trace on each row."""

    def __iter__(self) -> Iterator[Any]:
        for row in super().__iter__():
            row.was_here = True
            yield row


class AsksMore(QuerySet):
    """Asks a derived query as it is iterated over."""

    def __iter__(self) -> Iterator[Any]:
        kinds = dict(self.values_list("pk", "kind").iterator())
        for row in super().__iter__():
            row.kind_again = kinds[row.pk]
            yield row


class OwnState(QuerySet):
    """Has an attribute of its own, which its clones keep."""

    label: Any = None

    def _clone(self) -> Any:
        clone = super()._clone()
        clone.label = self.label
        return clone

    def __iter__(self) -> Iterator[Any]:
        for row in super().__iter__():
            row.label = self.label
            yield row


class InPlace(QuerySet):
    """Changes itself, as django-cacheops does after inplace()."""

    def _clone(self) -> Any:
        return self
