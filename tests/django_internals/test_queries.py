"""The orders and conditions of Django's queries, as each supported version has them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import Join

from tests.support.digests import digest, watched

STOCK: Any = QuerySet
PARTS = {
    "Join.__init__": watched(Join.__init__, "a28e9461", since_6_0="afd3d69c"),
    "QuerySet.db": watched(STOCK.db.fget, "aaf32ece"),
    "SQLCompiler._order_by_pairs": watched(
        SQLCompiler._order_by_pairs, "1036d2c8", since_6_1="48d874c9"
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_code_is_that_which_was_read(name: str) -> None:
    assert (name, digest(PARTS[name].part)) == (name, PARTS[name].expected)
