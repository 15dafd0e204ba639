"""The oracle: the pages of any order, in both directions, are the database's own result."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkqs import KeysetPaginator
from tests.keyset.test_oracle import case, cases, groups, relaxed
from tests.support.paging import backward, forward

__all__ = ["groups"]

pytestmark = pytest.mark.usefixtures("groups")


def pks(pages: Any) -> list[int]:
    return [row[0] if isinstance(row, tuple) else row.pk for page in pages for row in page]


@relaxed
@given(chosen=cases(), size=st.integers(1, 50))
def test_the_pages_of_any_order_are_the_ordered_result(chosen: Any, size: int) -> None:
    queryset, expected = case(*chosen)
    paginator = KeysetPaginator(queryset, size)
    assert pks(forward(paginator)) == expected
    assert pks(reversed(list(backward(paginator)))) == expected
