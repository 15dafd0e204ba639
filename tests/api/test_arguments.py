"""Wrong arguments raise at the call, before any query, and say what to do."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.connection import ConnectionDoesNotExist

import chunkqs
from chunkqs import InvalidPosition, KeysetError
from tests.support.models import Event

FUNCTIONS = [chunkqs.stream, chunkqs.keyset_iter]
WALKS = [*FUNCTIONS, chunkqs.chunks]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_size_below_one_is_a_value_error(function: Any, size: int) -> None:
    with pytest.raises(ValueError, match=f"chunk_size must be .* not {size}"):
        function(Event.objects.all(), chunk_size=size)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("size", ["10", 1.5, True, [10]])
def test_a_chunk_size_of_another_type_is_a_type_error(function: Any, size: Any) -> None:
    with pytest.raises(TypeError, match="chunk_size must be"):
        function(Event.objects.all(), chunk_size=size)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_chunk_size_beyond_what_databases_count_to_is_a_value_error(function: Any) -> None:
    with pytest.raises(ValueError, match="up to 2,147,483,646"):
        function(Event.objects.all(), chunk_size=2**31)


def test_chunks_checks_its_size_and_its_seconds() -> None:
    with pytest.raises(ValueError, match="size"):
        Event.objects.chunks(0)
    with pytest.raises(TypeError, match="size"):
        Event.objects.chunks("10")
    with pytest.raises(ValueError, match="target_seconds"):
        Event.objects.chunks(target_seconds=0)
    with pytest.raises(ValueError, match="target_seconds"):
        Event.objects.chunks(target_seconds=10**400)
    with pytest.raises(TypeError, match="not both"):
        Event.objects.chunks(10, target_seconds=1)
    with pytest.raises(TypeError, match="not both"):
        Event.objects.stream().chunks(10, target_seconds=1)


@pytest.mark.parametrize("function", WALKS)
def test_max_bytes_is_checked(function: Any) -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        function(Event.objects.all(), max_bytes=0)


@pytest.mark.parametrize("function", [chunkqs.keyset_iter, chunkqs.chunks])
@pytest.mark.parametrize("token", ["", "nonsense", 5, b"bytes", ("a",), object()])
@pytest.mark.parametrize("argument", ["after", "until"])
def test_what_is_not_a_token_is_an_invalid_position(
    function: Any, token: Any, argument: str
) -> None:
    with pytest.raises(InvalidPosition):
        function(Event.objects.all(), **{argument: token})


@pytest.mark.parametrize("function", [chunkqs.keyset_iter, chunkqs.chunks])
@pytest.mark.parametrize(
    ("queryset", "part"),
    [
        (lambda: Event.objects.all()[5:10], "slice"),
        (lambda: Event.objects.all().union(Event.objects.all()), "union"),
        (lambda: Event.objects.order_by("?"), "random"),
    ],
)
def test_a_query_without_a_place_in_an_order_is_a_keyset_error(
    function: Any, queryset: Any, part: str
) -> None:
    with pytest.raises(KeysetError, match=rf"(?is){part}.*stream\(\)"):
        function(queryset())


@pytest.mark.parametrize("function", WALKS)
def test_an_unknown_alias_is_named(function: Any) -> None:
    with pytest.raises(ConnectionDoesNotExist, match="'nowhere'"):
        function(Event.objects.using("nowhere"))


@pytest.mark.parametrize("function", WALKS)
@pytest.mark.parametrize("thing", [Event, [1, 2], None])
def test_what_is_not_a_queryset_is_a_type_error(function: Any, thing: Any) -> None:
    with pytest.raises(TypeError, match="QuerySet"):
        function(thing)


@pytest.mark.parametrize("function", WALKS)
def test_a_raw_queryset_is_a_type_error(function: Any) -> None:
    with pytest.raises(TypeError, match="QuerySet"):
        function(Event.objects.raw("SELECT 1"))


def test_private_is_true_false_or_none() -> None:
    with pytest.raises(TypeError, match="private"):
        Event.objects.stream(private="yes")


def test_bounded_is_true_or_false() -> None:
    with pytest.raises(TypeError, match="bounded"):
        Event.objects.keyset_iter(bounded="yes")
