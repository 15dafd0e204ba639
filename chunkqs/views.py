"""The ListView whose pages are read by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import Http404
from django.views.generic import ListView

from .errors import InvalidPosition
from .paginator import KeysetPage, KeysetPaginator

if TYPE_CHECKING:
    BaseView = ListView[Model]
else:
    BaseView = ListView


class KeysetListView(BaseView):
    """A ListView that pages with KeysetPaginator: the same cost on page 1 and 100,000.

    `?page=` takes a token. A token of another model or order is a 404. The context
    is that of ListView; in templates write `page_obj.next_token` and `page_obj.previous_token`
    instead of `page_obj.next_page_number` and `page_obj.previous_page_number`.
    """

    paginator_class: Any = KeysetPaginator

    def get_paginator(  # type: ignore[override]
        self, queryset: Any, per_page: int, *args: Any, **kwargs: Any
    ) -> KeysetPaginator[Any]:
        """Return the paginator: an instance of `paginator_class`."""
        if self.get_paginate_orphans():
            raise ImproperlyConfigured(
                f"{type(self).__name__} sets paginate_orphans, which pages by position don't "
                "have. Leave it out."
            )
        paginator: KeysetPaginator[Any] = self.paginator_class(queryset, per_page)
        return paginator

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], page_size: int
    ) -> tuple[KeysetPaginator[Any], KeysetPage[Any], list[Any], bool]:
        """Return the paginator, the page, its rows, and whether there are other pages."""
        paginator = self.get_paginator(queryset, page_size)
        token = self.kwargs.get(self.page_kwarg) or self.request.GET.get(self.page_kwarg)
        try:
            page = paginator.page(token)
        except InvalidPosition as error:
            raise Http404(f"Invalid page: {error}") from error
        return paginator, page, page.object_list, page.has_other_pages()
