"""Pagination by position for Django REST framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.utils.urls import replace_query_param

from .arguments import MOST
from .errors import InvalidPosition, KeysetError
from .paginator import KeysetPage, KeysetPaginator


class KeysetPagination(CursorPagination):
    """CursorPagination that loses no row: any order, ties and NULLs, at any depth.

    Attributes, response, links, template and schema are those of CursorPagination, except that
    `ordering` is optional: without it the queryset's own order is used, or else the primary
    key. It also accepts related fields and expressions. An OrderingFilter of the view has
    precedence. One query a page. A cursor that was changed, or belongs to another order, is
    a 404; an order that the client chose and that cannot be paged, such as JSON, a 400.
    """

    ordering: str | Sequence[Any] | None = None
    page: KeysetPage[Any]

    def paginate_queryset(
        self, queryset: QuerySet[Any, Any], request: Any, view: Any = None
    ) -> list[Any] | None:
        """Return the rows of the page that the request asks for; None without a page size."""
        self.request = request
        self.page_size = self.get_page_size(request)
        if not self.page_size:
            return None
        self.base_url = request.build_absolute_uri()
        paginator = self._paginator(queryset, self.page_size, request, view)
        try:
            self.page = paginator.page(request.query_params.get(self.cursor_query_param))
        except InvalidPosition as error:
            raise NotFound(self.invalid_cursor_message) from error
        self.has_next = self.page.has_next()
        self.has_previous = self.page.has_previous()
        self.display_page_controls = self.page.has_other_pages() and self.template is not None
        return self.page.object_list

    def get_next_link(self) -> str | None:
        """Return the URL of the next page; None on the last."""
        return self._link(self.page.next_token)

    def get_previous_link(self) -> str | None:
        """Return the URL of the previous page; None on the first."""
        return self._link(self.page.previous_token)

    def get_ordering(
        self, request: Any, queryset: QuerySet[Any, Any], view: Any
    ) -> tuple[Any, ...] | None:
        """Return the terms for `order_by()`: those of the view's filter, else `ordering`.

        None leaves the queryset in its own order.
        """
        return _terms(_filter_ordering(request, queryset, view) or self.ordering)

    def get_page_size(self, request: Any) -> int | None:
        """Return the page size that the request asks for, at most `max_page_size`."""
        page_size: int | None = super().get_page_size(request)
        return page_size and min(page_size, MOST)

    def _paginator(
        self, queryset: QuerySet[Any, Any], page_size: int, request: Any, view: Any
    ) -> KeysetPaginator[Any]:
        if ordering := self.get_ordering(request, queryset, view):
            queryset = queryset.order_by(*ordering)
        try:
            return KeysetPaginator(queryset, page_size)
        except KeysetError as error:
            if not _is_chosen(request, view):
                raise
            raise ValidationError({"ordering": ["No pages can be read in this order."]}) from error

    def _link(self, token: str | None) -> str | None:
        if token is None:
            return None
        return str(replace_query_param(self.base_url, self.cursor_query_param, token))


def _ordering_filters(view: Any) -> list[Any]:
    backends = getattr(view, "filter_backends", None) or ()
    return [backend() for backend in backends if hasattr(backend, "get_ordering")]


def _filter_ordering(request: Any, queryset: QuerySet[Any, Any], view: Any) -> Any:
    """Return what the first filter of the view that orders says; None if there is none."""
    for ordering_filter in _ordering_filters(view):
        return ordering_filter.get_ordering(request, queryset, view)
    return None


def _is_chosen(request: Any, view: Any) -> bool:
    """Return whether the client may have chosen the order."""
    return any(
        getattr(ordering_filter, "ordering_param", None) in request.query_params
        for ordering_filter in _ordering_filters(view)
    )


def _terms(ordering: str | Iterable[Any] | Any | None) -> tuple[Any, ...] | None:
    if not ordering:
        return None
    return tuple(ordering) if isinstance(ordering, list | tuple) else (ordering,)
