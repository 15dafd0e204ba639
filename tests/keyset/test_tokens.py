"""Tokens: exact in type, bound to model and ordering, and hard to forge."""

from __future__ import annotations

import math
import random
import re
import string
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from chunkqs.errors import InvalidPosition, KeysetError
from chunkqs.keyset.tokens import decode, encode

SIGNATURE = "tests.event: created_at desc, id"
MOMENT = datetime(2024, 3, 31, 1, 59, 59, 999_999, tzinfo=UTC)
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    10**30,
    0.0,
    -0.0,
    0.1,
    5e-324,
    math.inf,
    -math.inf,
    "",
    "a|b",
    "\x00\ud800\U0001f600",
    Decimal("1.10"),
    Decimal("-0E+3"),
    Decimal("Infinity"),
    UUID(int=5),
    MOMENT,
    MOMENT.replace(tzinfo=None),
    MOMENT.replace(tzinfo=timezone(timedelta(hours=-3, minutes=-30))),
    date(1, 1, 1),
    time(23, 59, 59, 1),
    timedelta(days=-1, microseconds=1),
    b"",
    b"\x00\xff|",
    [1, [None, "a"]],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_exactly(value: Any) -> None:
    (back,) = decode(SIGNATURE, encode(SIGNATURE, (value,)))
    assert back == value
    assert type(back) is type(value)
    assert str(back) == str(value)


@pytest.mark.parametrize("value", [math.nan, Decimal("NaN")], ids=repr)
def test_a_value_that_equals_nothing_comes_back(value: Any) -> None:
    (back,) = decode(SIGNATURE, encode(SIGNATURE, (value,)))
    assert math.isnan(back)
    assert type(back) is type(value)


def test_bytes_come_back_of_whatever_the_driver_made_of_them() -> None:
    position = (memoryview(b"ab"), bytearray(b"c"))
    assert decode(SIGNATURE, encode(SIGNATURE, position)) == (b"ab", b"c")


@given(
    st.tuples(
        st.integers(),
        st.text(),
        st.datetimes(timezones=st.just(UTC)),
        st.decimals(allow_nan=False),
        st.timedeltas(),
        st.floats(allow_nan=False),
        st.binary(),
        st.none() | st.booleans(),
    )
)
def test_any_values_come_back(position: tuple[Any, ...]) -> None:
    assert decode(SIGNATURE, encode(SIGNATURE, position)) == position


def test_a_token_is_url_safe_and_short() -> None:
    token = encode(SIGNATURE, (MOMENT, 123_456_789))
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)
    assert len(token) < 160


def test_what_no_token_can_hold_is_named() -> None:
    with pytest.raises(KeysetError, match="cannot hold a object"):
        encode(SIGNATURE, (object(),))


@pytest.mark.parametrize(
    "token", [None, 5, b"2.a.b", "", "a", "2.a.b.c", "2..", "\u0662.a.b", " 2.a.b"]
)
def test_what_is_no_token_is_said_to_be_none(token: Any) -> None:
    with pytest.raises(InvalidPosition, match="Not a token"):
        decode(SIGNATURE, token)


def test_a_token_of_another_model_is_refused() -> None:
    token = encode(SIGNATURE, (1,))
    with pytest.raises(InvalidPosition, match="another model"):
        decode("tests.user: created_at desc, id", token)


def test_a_token_of_another_ordering_is_refused() -> None:
    token = encode(SIGNATURE, (1,))
    with pytest.raises(InvalidPosition, match="another ordering"):
        decode("tests.event: created_at, id", token)


def test_a_token_of_a_newer_version_is_refused() -> None:
    token = encode(SIGNATURE, (1,))
    with pytest.raises(InvalidPosition, match="newer version"):
        decode(SIGNATURE, "3" + token[1:])


def test_a_token_with_the_drivers_values_is_refused() -> None:
    token = encode(SIGNATURE, (1,))
    with pytest.raises(InvalidPosition, match="older version.*exact value"):
        decode(SIGNATURE, "1" + token[1:])


def test_a_token_with_one_flipped_character_is_refused() -> None:
    token = encode(SIGNATURE, (MOMENT, 5))
    for place, character in enumerate(token):
        if character != ".":
            changed = "b" if character != "b" else "c"
            with pytest.raises(InvalidPosition):
                decode(SIGNATURE, token[:place] + changed + token[place + 1 :])


def test_mutated_tokens_raise_nothing_but_invalid_position() -> None:
    source = random.Random(7)
    token = encode(SIGNATURE, (MOMENT, 5, "text", None))
    alphabet = string.printable + "\u0661\x00\ud800"
    for _ in range(10_000):
        characters = list(token)
        for _ in range(source.randint(1, 4)):
            place = source.randrange(len(characters) + 1)
            characters[place : place + source.randint(0, 3)] = source.choices(
                alphabet, k=source.randint(0, 3)
            )
        mutated = "".join(characters)
        if mutated != token:
            with pytest.raises(InvalidPosition):
                decode(SIGNATURE, mutated)


def test_a_token_outlives_a_change_of_the_secret_key() -> None:
    token = encode(SIGNATURE, (1,))
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["only for tests"]):
        assert decode(SIGNATURE, token) == (1,)
    with (
        override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[]),
        pytest.raises(InvalidPosition, match="another SECRET_KEY"),
    ):
        decode(SIGNATURE, token)


def test_an_overlong_token_is_refused_and_not_shown_in_full() -> None:
    with pytest.raises(InvalidPosition) as error:
        decode(SIGNATURE, "x" * 10_000)
    assert len(str(error.value)) < 200
