"""The rows of pages equal what Django's own iteration gives, to the last attribute."""

from __future__ import annotations

import pytest

from chunkqs import KeysetPaginator
from tests.support import querysets, rows
from tests.support.oracle import assert_same_rows
from tests.support.paging import backward, forward
from tests.support.ways import by_django


@pytest.fixture(scope="module", autouse=True)
def committed_rows(committed_db: None) -> None:
    for build in dict.fromkeys(rows.BUILDERS.values()):
        build(20)


@pytest.mark.parametrize("name", querysets.KEYSET)
def test_pages_have_the_rows_of_django_to_the_last_attribute(name: str) -> None:
    queryset = querysets.KEYSET[name]
    expected = by_django(queryset())
    for size in (1_000, 7):
        paginator = KeysetPaginator(queryset(), size)
        assert_same_rows([row for page in forward(paginator) for row in page], expected)
        pages = reversed(list(backward(paginator)))
        assert_same_rows([row for page in pages for row in page], expected)
