"""The oracle itself: it must see what `==` on model instances does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.support.models import Category, CurrentAccount
from tests.support.oracle import assert_same_rows


def loaded(pk: int = 1, name: str = "name", parent_id: int | None = None) -> Category:
    return Category.from_db("default", ["id", "name", "parent_id"], [pk, name, parent_id])


def reordered(row: Category) -> None:
    row.__dict__["name"] = row.__dict__.pop("name")


def with_relation(row: Category) -> None:
    row._state.fields_cache["parent"] = None


def with_prefetched(row: Category) -> None:
    row._prefetched_objects_cache = {}


CHANGES: list[Callable[[Category], Any]] = [
    lambda row: setattr(row, "name", "other"),
    lambda row: setattr(row, "extra", 1),
    lambda row: setattr(row._state, "adding", True),
    lambda row: setattr(row._state, "db", "other"),
    lambda row: setattr(row, "id", Decimal(1)),
    reordered,
    with_relation,
    with_prefetched,
]


@pytest.mark.parametrize("change", CHANGES)
def test_sees_each_change_of_an_instance(change: Callable[[Category], Any]) -> None:
    row = loaded()
    change(row)
    with pytest.raises(AssertionError, match="differences"):
        assert_same_rows([row], [loaded()])


def test_sees_a_change_behind_a_cached_relation() -> None:
    rows = [loaded(2, "child", 1), loaded(2, "child", 1)]
    for row, name in zip(rows, ["parent", "other"], strict=True):
        row._state.fields_cache["parent"] = loaded(1, name)
    with pytest.raises(AssertionError, match=r"fields_cache'\]\['parent'\]\['name'\]"):
        assert_same_rows(rows[:1], rows[1:])


def test_follows_cycles_once() -> None:
    rows = [loaded(), loaded()]
    for row in rows:
        row._state.fields_cache["parent"] = row
    assert_same_rows(rows[:1], rows[1:])


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ([1], [1, 2]),
        ([1], [True]),
        ([1], [1.0]),
        ([(1,)], [[1]]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        ([Decimal("1.0")], [Decimal("1.00")]),
        ([float("nan")], [0.0]),
        ([loaded()], [CurrentAccount()]),
    ],
)
def test_sees_differences_of_plain_rows(got: list[Any], expected: list[Any]) -> None:
    with pytest.raises(AssertionError, match="differences"):
        assert_same_rows(got, expected)


def test_equal_rows_are_equal() -> None:
    plain = [{"a": (1, None)}, float("nan"), b"bytes", "text"]
    assert_same_rows([loaded(), *plain], [loaded(), *copy.deepcopy(plain)])
