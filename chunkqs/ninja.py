"""Pagination by position for django-ninja."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Schema
from ninja.conf import settings
from ninja.errors import ValidationError
from ninja.pagination import AsyncPaginationBase

from .errors import InvalidPosition
from .functions import Queries
from .paginator import KeysetPage, KeysetPaginator


class KeysetPagination(AsyncPaginationBase):
    """Pages with `next`, `previous` and `results`, as ninja's CursorPagination has them.

    The order is the queryset's own. One query a page. A cursor that was changed, or belongs
    to another order, is a 422, as with ninja's own.
    """

    items_attribute = "results"

    class Input(Schema):
        """The parameters of a request."""

        page_size: int | None = None
        cursor: str | None = None

    class Output(Schema):
        """The response; `next` and `previous` are URLs."""

        previous: str | None
        next: str | None
        results: list[Any]

    def __init__(
        self,
        *,
        page_size: int = settings.PAGINATION_PER_PAGE,
        max_page_size: int = settings.PAGINATION_MAX_PER_PAGE_SIZE,
        **kwargs: Any,
    ) -> None:
        self.page_size = page_size
        self.max_page_size = max_page_size
        super().__init__(**kwargs)

    def paginate_queryset(
        self, queryset: Queries[Any], pagination: Input, request: HttpRequest, **params: Any
    ) -> dict[str, Any]:
        """Return the page that the request asks for."""
        try:
            page = self._paginator(queryset, pagination).page(pagination.cursor)
        except InvalidPosition as error:
            raise _invalid() from error
        return self._response(page, request)

    async def apaginate_queryset(
        self, queryset: Queries[Any], pagination: Input, request: HttpRequest, **params: Any
    ) -> dict[str, Any]:
        """Do what `paginate_queryset()` does, from a coroutine."""
        try:
            page = await self._paginator(queryset, pagination).apage(pagination.cursor)
        except InvalidPosition as error:
            raise _invalid() from error
        return self._response(page, request)

    def _paginator(self, queryset: Queries[Any], pagination: Input) -> KeysetPaginator[Any]:
        asked = pagination.page_size
        size = self.page_size if asked is None else min(max(asked, 1), self.max_page_size)
        return KeysetPaginator(queryset, size)

    def _response(self, page: KeysetPage[Any], request: HttpRequest) -> dict[str, Any]:
        return {
            "previous": _link(request, page.previous_token),
            "next": _link(request, page.next_token),
            self.items_attribute: page.object_list,
        }


def _invalid() -> ValidationError:
    return ValidationError([{"cursor": "Invalid Cursor"}])


def _link(request: HttpRequest, token: str | None) -> str | None:
    """Return the URL of the request with another cursor; None without a token."""
    if token is None:
        return None
    query = request.GET.copy()
    query["cursor"] = token
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
