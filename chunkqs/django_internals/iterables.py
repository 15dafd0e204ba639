"""Iterable classes and QuerySet methods of other packages, run over raw rows that we fetched.

Each part names the Django versions that it was checked against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesIterable,
    ValuesListIterable,
)
from django.db.models.sql.constants import MULTI
from django.db.models.sql.query import Query

from .reads_into_memory import NoticesWholeResults

#: The iterable classes that Django's own methods give a queryset.
STOCK = {
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesIterable,
    ValuesListIterable,
}


class AsksDerivedRows(BaseException):
    """Rows of a derived query were asked for before those of the query itself.

    Not an Exception: it is for us, not for the code that it passes through.
    """


class Feed:
    """The raw rows that the first execution of a query gets, in place of the database's."""

    def __init__(self, rows: Callable[[], Iterator[Any]], *, lets_derive: bool) -> None:
        self.rows = rows
        self.lets_derive = lets_derive
        """Whether rows of derived queries may be asked for before those of the query itself."""
        self.has_begun = False


# Django 5.2, 6.0, 6.1: whatever goes over a queryset asks its query for a compiler, and that
# for rows, by execute_sql() or results_iter(), which calls it. What is derived from a queryset
# has a clone of its query. Query.clone() copies class and attributes.
def fed(queryset: QuerySet[Any, Any], feed: Feed) -> QuerySet[Any, Any]:
    """Return a clone of `queryset` whose rows are those of `feed`, the first time.

    A second execution, and what is derived from the clone, runs on the database.
    """
    clone = queryset.all()
    query: Any = clone.query
    query_class: Any = query.__class__
    query.__class__ = _fed_class(query_class)
    query.feed = feed
    return clone


class _Fed:
    feed: Feed

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        compiler = super().get_compiler(*args, **kwargs)  # type: ignore[misc]
        return _with_feed(compiler, _FedCompiler, self.feed)

    def clone(self) -> Any:
        clone = super().clone()  # type: ignore[misc]
        query_class: Any = type(self).__mro__[2]
        clone.__class__ = _derived_class(query_class)
        return clone


class _Derived:
    feed: Feed

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        compiler = super().get_compiler(*args, **kwargs)  # type: ignore[misc]
        return _with_feed(compiler, _DerivedCompiler, self.feed)


class _FedCompiler:
    feed: Feed

    def execute_sql(self, result_type: str = MULTI, *args: Any, **kwargs: Any) -> Any:
        if result_type != MULTI or self.feed.has_begun:
            return super().execute_sql(result_type, *args, **kwargs)  # type: ignore[misc]
        self.feed.has_begun = True
        compiler: Any = self
        try:
            compiler.as_sql()  # fills what says what the columns are
        except EmptyResultSet:
            return iter([])
        return iter([self.feed.rows()])


class _DerivedCompiler:
    feed: Feed

    def execute_sql(self, result_type: str = MULTI, *args: Any, **kwargs: Any) -> Any:
        if result_type == MULTI and not (self.feed.has_begun or self.feed.lets_derive):
            raise AsksDerivedRows
        return super().execute_sql(result_type, *args, **kwargs)  # type: ignore[misc]


@lru_cache(maxsize=64)
def _fed_class(query_class: type[Query]) -> type[Query]:
    return type(query_class.__name__, (_Fed, query_class), {})


@lru_cache(maxsize=64)
def _derived_class(query_class: type[Query]) -> type[Query]:
    return type(query_class.__name__, (_Derived, query_class), {})


@lru_cache(maxsize=64)
def _compiler_class(mixin: Any, compiler_class: Any) -> Any:
    return type(compiler_class.__name__, (mixin, compiler_class), {})


def _with_feed(compiler: Any, mixin: Any, feed: Feed) -> Any:
    compiler.__class__ = _compiler_class(mixin, compiler.__class__)
    compiler.feed = feed
    return compiler


# Django 5.2, 6.0, 6.1: iterator() instantiates _iterable_class with these arguments.
def iterate(queryset: Any, chunk_size: int) -> Iterator[Any]:
    """Iterate over `queryset` by its own iterable class, as iterator() does."""
    return iter(queryset._iterable_class(queryset, chunked_fetch=True, chunk_size=chunk_size))


# Django 5.2, 6.0, 6.1: values(), dates() and the like set one of Django's own.
def has_own_iterable(queryset: Any) -> bool:
    """Return whether the rows of `queryset` come from an iterable class that isn't Django's."""
    return queryset._iterable_class not in STOCK


# Django 5.2, 6.0, 6.1: `for row in queryset` calls __iter__(), which calls _fetch_all().
def has_own_iteration(queryset: QuerySet[Any, Any]) -> bool:
    """Return whether the class of `queryset` overrides what a loop over it runs."""
    stock = {QuerySet, NoticesWholeResults}
    bases = [vars(base) for base in type(queryset).__mro__ if base not in stock]
    return any("__iter__" in names or "_fetch_all" in names for names in bases)


def rows_of(queryset: Any) -> list[Any]:
    """Return the rows that a loop over `queryset`, which is one of a chunk, gets."""
    queryset.whole_result_read = _is_no_whole_result
    return list(iter(queryset))


def _is_no_whole_result(rows: int) -> None:
    """Give no warning of as many rows as a chunk has."""
