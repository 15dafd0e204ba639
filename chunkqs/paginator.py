"""Pages by position: used like Django's Paginator, at the same cost on every page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NoReturn, TypeVar, overload

from asgiref.sync import sync_to_async
from django.db import connections

from .arguments import checked_chunk_size, checked_queryset
from .django_internals.compiler import Block
from .errors import InvalidPosition
from .functions import Queries, stream
from .hydration.hydrator import hydrator
from .keyset.keyset import Keyset, Position, keyset_of
from .keyset.page_statement import PageQuery
from .keyset.tokens import decode, encode
from .sources.keyset import KeysetSource
from .sources.retries import Retries
from .walks.prefetching import prefetch

Row = TypeVar("Row")

#: Tokens of the two ends, which no row's position is needed for.
FIRST = "first"
LAST = "last"
#: What the token of the page before a row begins with; others are of the page after it.
BACKWARD = "-"


class KeysetPage(Sequence[Row]):
    """The rows of one page, and the tokens of its neighbours."""

    def __init__(
        self,
        object_list: list[Row],
        paginator: KeysetPaginator[Row],
        *,
        previous_token: str | None,
        next_token: str | None,
    ) -> None:
        self.object_list = object_list
        self.paginator = paginator
        self.previous_token = previous_token
        """The token of the page before this one; None on the first page."""
        self.next_token = next_token
        """The token of the page after this one; None on the last page."""

    def has_next(self) -> bool:
        """Return whether there is a page after this one."""
        return self.next_token is not None

    def has_previous(self) -> bool:
        """Return whether there is a page before this one."""
        return self.previous_token is not None

    def has_other_pages(self) -> bool:
        """Return whether there is any other page."""
        return self.has_previous() or self.has_next()

    def __len__(self) -> int:
        return len(self.object_list)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self.object_list[index]

    def __repr__(self) -> str:
        label = self.paginator.object_list.model._meta.label
        return f"<{type(self).__name__}: {len(self)} rows of {label}>"


class KeysetPaginator(Generic[Row]):
    """Divide a queryset into pages of `per_page` rows, in any order that keyset_iter() accepts.

    A page costs one query, of one row more than it shows, at any depth. (`select_for_update()`
    takes two where a page spans values and NULLs in the first column of the order, and so do
    long texts on MySQL.) `prefetch_related()` adds its own. No query runs before a page is
    requested.

    Raises at the call: KeysetError for a query without an order to page by, TypeError or
    ValueError for other wrong arguments.
    """

    def __init__(self, queryset: Queries[Row], per_page: int) -> None:
        self.object_list = checked_queryset(queryset, type(self).__name__)
        self.per_page = _checked_per_page(per_page)
        self._keyset = keyset_of(self.object_list)

    def page(self, token: str | None = None) -> KeysetPage[Row]:
        """Return the page that `token` names, read by one query; without one, the first page.

        "first" and "last" name the pages at the ends. Raises InvalidPosition, before the
        query, for anything that is not a token of this model and order.
        """
        backward = token == LAST or (isinstance(token, str) and token.startswith(BACKWARD))
        start = None if token in (None, "", FIRST, LAST) else self._position(token, backward)
        keyset = self._keyset.reverse() if backward else self._keyset
        query = PageQuery(keyset, connections[self.object_list.db])
        retries = Retries(query.connection, self.object_list.model._meta.label, 0)
        source = KeysetSource(query, query.connection, retries, after=start, is_page=True)
        block = source.fetch(self.per_page)
        is_cut = not source.has_ended
        if backward:
            block.reverse()
        return KeysetPage(
            self._rows(query, block),
            self,
            previous_token=self._previous(query, block, is_cut if backward else start is not None),
            next_token=self._next(query, block, start is not None if backward else is_cut),
        )

    def get_page(self, token: Any) -> KeysetPage[Row]:
        """Return the page that `token` names; the first page for anything that is not a token."""
        try:
            return self.page(token)
        except InvalidPosition:
            return self.page()

    async def apage(self, token: str | None = None) -> KeysetPage[Row]:
        """Do what `page()` does, from a coroutine."""
        return await sync_to_async(self.page)(token)

    async def aget_page(self, token: Any) -> KeysetPage[Row]:
        """Do what `get_page()` does, from a coroutine."""
        return await sync_to_async(self.get_page)(token)

    def estimate(self) -> int:
        """Return the approximate number of rows on all pages, from the planner's statistics.

        One EXPLAIN on PostgreSQL, MySQL and MariaDB; an exact COUNT elsewhere.
        """
        return stream(self.object_list).estimate()

    async def aestimate(self) -> int:
        """Do what `estimate()` does, from a coroutine."""
        return await sync_to_async(self.estimate)()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: that would run the query, and hold all its rows."""
        raise TypeError(
            f"A {type(self).__name__} cannot be pickled, nor can its pages: it holds a queryset of "
            "all rows. Pickle or cache a page's object_list and its tokens."
        )

    def _rows(self, query: PageQuery, block: Block) -> list[Row]:
        queryset = self._keyset.queryset.using(self.object_list.db)
        rows = hydrator(queryset, query.compiler)(block)
        prefetch(rows, queryset)
        return rows

    def _previous(self, query: PageQuery, block: Block, exists: bool) -> str | None:
        """Return the token of the page before `block`; an empty one follows the last row."""
        if not exists:
            return None
        return self._token(query.position(block[0]), backward=True) if block else LAST

    def _next(self, query: PageQuery, block: Block, exists: bool) -> str | None:
        """Return the token of the page after `block`; an empty one precedes the first row."""
        if not exists:
            return None
        return self._token(query.position(block[-1]), backward=False) if block else FIRST

    def _token(self, position: Position, *, backward: bool) -> str:
        prefix = BACKWARD if backward else ""
        return prefix + encode(_signature(self._keyset, backward), position)

    def _position(self, token: Any, backward: bool) -> Position:
        text = token.removeprefix(BACKWARD) if isinstance(token, str) else token
        return decode(_signature(self._keyset, backward), text)


def _signature(keyset: Keyset, backward: bool) -> str:
    """Return what a token is bound to: a forward one is a walk's position, too."""
    return f"{keyset.signature}{', backward' if backward else ''}"


def _checked_per_page(per_page: Any) -> int:
    rows = checked_chunk_size(per_page, "per_page")
    if rows is None:
        raise TypeError("per_page must be a number of rows, an int above 0, not None.")
    return rows
