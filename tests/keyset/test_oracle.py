"""The oracle: what a walk hands out is the database's own ordered result."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Length, Lower
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chunkqs.keyset.keyset import keyset_of
from chunkqs.keyset.tokens import decode
from tests.support.keysets import VALUES, fill, pks, token_of, walk
from tests.support.models import Ranked

pytestmark = pytest.mark.usefixtures("groups")

GROUPS = 8
EXAMPLES = int(os.environ.get("CHUNKQS_EXAMPLES", "300"))
EXPRESSIONS = [
    Lower("text"),
    Length("text"),
    Coalesce("maybe", "number"),
    F("number") - F("maybe"),
    F("twice"),
    F("owner__rank"),
    Lower("owner__name"),
]
NAMES = [*VALUES, "owner__name", "owner__rank", "owner_id", "owner", "twice"]
VARIANTS = {
    "instances": lambda queryset: queryset,
    "only": lambda queryset: queryset.only("name"),
    "defer": lambda queryset: queryset.defer("number", "text"),
    "values": lambda queryset: queryset.values_list("pk", "name"),
    "select_related": lambda queryset: queryset.select_related("owner"),
    "filtered": lambda queryset: queryset.filter(owner__rank__gte=1),
}


class Term(NamedTuple):
    term: Any
    descending: bool


@st.composite
def terms(draw: st.DrawFn) -> Term:
    descending = draw(st.booleans())
    if draw(st.integers(0, 2)) == 0:
        name = draw(st.sampled_from(NAMES))
        return Term(f"-{name}" if descending else name, descending)
    plain: list[Any] = [F(name) for name in NAMES if name != "owner"]
    expression: Any = draw(st.sampled_from([*plain, *EXPRESSIONS]))
    nulls = draw(st.sampled_from([{}, {"nulls_first": True}, {"nulls_last": True}]))
    ordered = expression.desc(**nulls) if descending else expression.asc(**nulls)
    return Term(ordered, descending)


class Case(NamedTuple):
    """An order over a group of rows, and the database's own result of it."""

    queryset: QuerySet[Any, Any]
    expected: list[int]


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, str, list[Term], bool]:
    return (
        draw(st.integers(0, GROUPS - 1)),
        draw(st.sampled_from(sorted(VARIANTS))),
        draw(st.lists(terms(), max_size=4)),
        draw(st.booleans()),
    )


def case(group: int, variant: str, order: list[Term], backwards: bool) -> Case:
    rows = Ranked.objects.filter(name=str(group)).annotate(twice=F("number") * 2)
    terms = [term for term, _ in order]
    queryset = VARIANTS[variant](rows).order_by(*terms)
    # Which way round ties go is the walk's to choose; that of the last term that counts.
    tie = "-pk" if keyset_of(queryset).columns[-1].descending else "pk"
    total = queryset.order_by(*terms, tie)
    if backwards:
        queryset, total = queryset.reverse(), total.reverse()
    return Case(queryset, pks(total))


@pytest.fixture(scope="module")
def groups(committed_db: None) -> None:
    fill(GROUPS, most=40, seed=20240331)


relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(chosen=cases(), size=st.integers(1, 50), bounded=st.booleans())
def test_the_chunks_of_a_walk_are_the_ordered_result(chosen: Any, size: int, bounded: bool) -> None:
    queryset, expected = case(*chosen)
    rows = walk(keyset_of(queryset), size, bounded=bounded)
    assert [row[0] for row in rows] == expected


@relaxed
@given(chosen=cases(), size=st.integers(1, 50), places=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_walk_between_any_two_positions_is_that_part_of_it(
    chosen: Any, size: int, places: tuple[float, float]
) -> None:
    queryset, expected = case(*chosen)
    if not expected:
        return
    first, last = (round(place * (len(expected) - 1)) for place in places)
    keyset = keyset_of(queryset)
    after, until = token_of(keyset, first), token_of(keyset, last)
    rows = walk(keyset, size, after=after, until=until)
    assert [row[0] for row in rows] == expected[first + 1 : last + 1]
    assert [row[0] for row in walk(keyset, size, after=after)] == expected[first + 1 :]


@relaxed
@given(chosen=cases(), places=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_the_queryset_of_a_key_range_is_that_part_of_the_result(
    chosen: Any, places: tuple[float, float]
) -> None:
    queryset, expected = case(*chosen)
    if not expected:
        return
    first, last = (round(place * (len(expected) - 1)) for place in places)
    keyset = keyset_of(queryset)
    start, end = (decode(keyset.signature, token_of(keyset, i)) for i in (first, last))
    part = keyset.filter(start, end, connection)
    assert pks(part) == expected[first + 1 : last + 1]
    assert part.count() == len(expected[first + 1 : last + 1])
    assert pks(keyset.filter(None, start, connection)) == expected[: first + 1]


@relaxed
@given(chosen=cases(), size=st.integers(1, 50))
def test_a_reversed_keyset_is_the_result_backwards(chosen: Any, size: int) -> None:
    queryset, expected = case(*chosen)
    rows = walk(keyset_of(queryset).reverse(), size, bounded=True)
    assert [row[0] for row in rows] == expected[::-1]
