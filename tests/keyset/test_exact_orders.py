"""Orders by several columns of any types, each in a direction of its own, are walked exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chunkqs import chunks, keyset_iter
from tests.support.databases import vendor
from tests.support.exactness import mysql, postgresql, sqlite
from tests.support.exactness.kinds import create_wide, inspected, run

ALL = {"postgresql": postgresql.KINDS, "mysql": mysql.KINDS, "sqlite": sqlite.KINDS}[vendor()]
KINDS = [kind for kind in ALL if not kind.refused]
#: As many rows as make ties in three columns likely.
ROWS = 40
EXAMPLES = int(os.environ.get("CHUNKQS_EXAMPLES", "300")) // 3


class Term(NamedTuple):
    """A column of an order."""

    column: int
    descending: bool
    nulls: dict[str, bool]

    def order(self) -> Any:
        column = F(f"c{self.column}")
        return column.desc(**self.nulls) if self.descending else column.asc(**self.nulls)


TERMS = st.builds(
    Term,
    st.integers(0, len(KINDS) - 1),
    st.booleans(),
    st.sampled_from([{}, {}, {"nulls_first": True}, {"nulls_last": True}]),
)
ORDERS = st.lists(TERMS, min_size=1, max_size=3, unique_by=lambda term: term.column)


@pytest.fixture(scope="module")
def wide(committed_db: None) -> Iterator[Any]:
    if vendor() == "postgresql":
        postgresql.set_up()
    if vendor() == "mysql":
        run("SET sql_mode = ''")
    create_wide("exact_wide", KINDS, ROWS)
    connection.close()
    yield inspected("exact_wide")
    run("DROP TABLE exact_wide")
    if vendor() == "postgresql":
        postgresql.tear_down()


relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # an order of three terms is small enough as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def ordered(model: Any, terms: list[Term], backwards: bool) -> tuple[QuerySet[Any, Any], list[int]]:
    """Return the keys in an order, and in the same made total by the key."""
    keys = model.objects.values_list("pk", flat=True)
    order = [term.order() for term in terms]
    rows = keys.order_by(*order)
    total = keys.order_by(*order, "-pk" if terms[-1].descending else "pk")
    if backwards:
        rows, total = rows.reverse(), total.reverse()
    return rows, list(total)


@relaxed
@given(terms=ORDERS, backwards=st.booleans(), size=st.integers(1, 15), bounded=st.booleans())
def test_the_chunks_and_their_querysets_are_the_ordered_result(
    wide: Any, terms: list[Term], backwards: bool, size: int, bounded: bool
) -> None:
    rows, expected = ordered(wide, terms, backwards)
    got = list(islice(chunks(rows, size, bounded=bounded), ROWS + 1))
    assert [key for chunk in got for key in chunk] == expected
    for chunk in got:
        assert list(chunk.queryset) == list(chunk)


@relaxed
@given(terms=ORDERS, size=st.integers(1, 15), places=st.tuples(*[st.integers(0, ROWS - 1)] * 2))
def test_a_walk_between_two_tokens_is_that_part_of_the_result(
    wide: Any, terms: list[Term], size: int, places: tuple[int, int]
) -> None:
    rows, expected = ordered(wide, terms, False)
    walk = keyset_iter(rows, chunk_size=size)
    tokens = [walk.position for _ in islice(walk, ROWS)]
    first, last = sorted(places)
    part = keyset_iter(rows, chunk_size=size, after=tokens[first], until=tokens[last])
    assert list(islice(part, ROWS)) == expected[first + 1 : last + 1]
