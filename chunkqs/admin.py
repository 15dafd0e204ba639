"""An admin for large tables: pages that are not counted row by row, and an export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import EmptyPage, Page, Paginator
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from .arguments import MOST
from .databases import database_of
from .databases.estimates import estimate
from .django_internals.queries import QueryInfo
from .functions import stream
from .http import ExportResponse
from .settings import chunkqs_settings

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Any]
    BasePaginator = Paginator[Any]
else:
    BaseAdmin = object
    BasePaginator = Paginator

#: A table that the planner expects to have so many rows is not counted.
MANY_ROWS = 10_000


class EstimatingPaginator(BasePaginator):
    """A Paginator that counts where that is quick, and otherwise asks the planner.

    A large table without filters is estimated. Where there is no planner to ask, as on SQLite,
    everything is counted. Every row is on a page that links lead to, even if the
    estimate is too low: after a full page there is another one.
    """

    object_list: QuerySet[Any, Any]

    is_estimated = False
    """Whether `count`, once it has been asked for, is an estimate."""

    least = 0
    """The least that an estimate may be."""

    @cached_property
    def count(self) -> int:
        """The exact or approximate number of rows."""
        queryset = self.object_list
        database = database_of(connections[queryset.db])
        if not database.explains:
            return queryset.count()
        if not QueryInfo.of(queryset).is_filtered and self._estimate >= MANY_ROWS:
            return self._estimated()
        seconds = chunkqs_settings().count_seconds
        count = database.run_within(seconds, queryset.count) if seconds > 0 else None
        return self._estimated() if count is None else count

    @cached_property
    def _estimate(self) -> int:
        return estimate(self.object_list, connections[self.object_list.db])

    def _estimated(self) -> int:
        self.is_estimated = True
        # On a single page the changelist would show all rows, however many there are.
        return max(self._estimate, self.least, self.per_page + 1)

    def validate_number(self, number: Any) -> int:
        """Return a page number, which may exceed the estimated last page."""
        try:
            return super().validate_number(number)
        except EmptyPage:
            if self.is_estimated and 0 < int(number) <= MOST:
                return int(number)
            raise

    def page(self, number: Any) -> Page[Any]:
        """Return the page of this number; read its rows at once if it may be the last."""
        number = self.validate_number(number)
        if not self.is_estimated:
            return super().page(number)
        rows = self.object_list[(number - 1) * self.per_page : number * self.per_page]
        if number >= self.num_pages:
            self.num_pages = number + (len(rows) == self.per_page)
        return Page(rows, number, self)


class LargeTableAdminMixin(BaseAdmin):
    """Make the changelist of a ModelAdmin fast on a table of any size.

    EstimatingPaginator counts the rows, and the unfiltered total is left out.
    The action `export_csv` streams the selected rows, on this page or on all pages, for
    users who may view them.
    """

    paginator = EstimatingPaginator
    show_full_result_count = False

    export_fields: Sequence[str] | None = None
    """Names for `values()`: the columns of an export. None exports the model's own fields except
    those that `exclude` keeps out of the form."""

    export_escapes_formulas = True
    """Whether text that a spreadsheet would run gets an apostrophe in front."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.actions is not None and "export_csv" not in self.actions:
            self.actions = [*self.actions, "export_csv"]

    @admin.action(
        permissions=["export"], description="Export selected %(verbose_name_plural)s as CSV"
    )
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Any, Any]) -> ExportResponse:
        """Stream the rows of `queryset`, the changelist's filters and order applied."""
        rows = stream(queryset.values(*self.get_export_fields(request)))
        return ExportResponse(
            rows.csv(escape_formulas=self.export_escapes_formulas),
            filename=f"{self.opts.verbose_name_plural}.csv",
        )

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the export is offered: to those who may view the rows."""
        return self.has_view_permission(request)

    def get_export_fields(self, request: HttpRequest) -> Sequence[str]:
        """Return the columns of an export."""
        if self.export_fields is not None:
            return self.export_fields
        hidden = set(self.get_exclude(request) or ())
        return [field.attname for field in self.opts.concrete_fields if field.name not in hidden]

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any, Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> Paginator[Any]:
        """Return the paginator, which never estimates so few rows that all could be shown."""
        paginator = super().get_paginator(
            request, queryset, per_page, orphans, allow_empty_first_page
        )
        if isinstance(paginator, EstimatingPaginator):
            paginator.least = self.list_max_show_all + 1
        return paginator
