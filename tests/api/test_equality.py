"""What comes out of each walk equals what Django's own iteration gives, to the last attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import Model, QuerySet
from django.db.models.signals import post_init, pre_init

from tests.support import models, querysets, rows
from tests.support.oracle import assert_same_rows
from tests.support.ways import CHUNK_SIZES, TRANSACTIONS, WALKS, by_django

SHAPES = list(rows.BUILDERS)


@pytest.fixture(scope="module", autouse=True)
def committed_rows(committed_db: None) -> None:
    for build in dict.fromkeys(rows.BUILDERS.values()):
        build(20)


@pytest.fixture(params=TRANSACTIONS)
def in_transaction(request: pytest.FixtureRequest) -> Iterator[str]:
    with TRANSACTIONS[request.param]():
        yield request.param


@pytest.fixture(params=CHUNK_SIZES)
def chunk_size(request: pytest.FixtureRequest) -> int | None:
    return request.param


def in_total_order(model: type[Model]) -> QuerySet[Any]:
    """All rows of the model, by its own order; the key breaks ties in the last term's direction."""
    ordering = list(model._meta.ordering or ["pk"])
    tie_breaker = "-pk" if is_descending(ordering[-1]) else "pk"
    return model._default_manager.order_by(*ordering, tie_breaker)


def is_descending(term: Any) -> bool:
    return term.startswith("-") if isinstance(term, str) else term.descending


@pytest.mark.usefixtures("in_transaction")
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("model", SHAPES, ids=lambda model: model.__name__)
def test_every_model_shape(model: type[Model], walk: str, chunk_size: int | None) -> None:
    ordered = in_total_order(model)
    queryset = ordered if walk == "stream" else model._default_manager.all()
    expected = by_django(ordered)
    assert len(expected) > 1
    assert_same_rows(WALKS[walk](queryset, chunk_size), expected)


@pytest.mark.usefixtures("in_transaction")
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("name", querysets.KEYSET)
def test_every_queryset_form(name: str, walk: str, chunk_size: int | None) -> None:
    build = querysets.KEYSET[name]
    # Rows without an order come as they lie in the table, but by keyset in the order of the key.
    is_by_key = walk != "stream" and not build().ordered and build().query.group_by is None
    expected = by_django(build().order_by("pk") if is_by_key else build())
    assert expected
    assert_same_rows(WALKS[walk](build(), chunk_size), expected)


@pytest.mark.parametrize("name", querysets.STREAM_ONLY)
def test_every_form_that_has_no_keyset(name: str, chunk_size: int | None) -> None:
    build = querysets.STREAM_ONLY[name]
    expected = by_django(build())
    assert expected
    assert_same_rows(WALKS["stream"](build(), chunk_size), expected)


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("build", querysets.EMPTY.values(), ids=querysets.EMPTY)
def test_no_rows(build: Callable[[], QuerySet[Any]], walk: str, chunk_size: int | None) -> None:
    assert WALKS[walk](build(), chunk_size) == []


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("signal", [pre_init, post_init], ids=["pre_init", "post_init"])
def test_receivers_of_signals_are_called(signal: Any, walk: str, chunk_size: int | None) -> None:
    calls: list[tuple[Any, ...]] = []

    def receiver(**kwargs: Any) -> None:
        calls.append((kwargs.get("args"), kwargs.get("kwargs")))
        if "instance" in kwargs:
            kwargs["instance"].received = len(kwargs["instance"].__dict__)

    queryset = models.Signalled.objects.order_by("pk")
    signal.connect(receiver, sender=models.Signalled)
    try:
        expected = by_django(queryset)
        django_calls = list(calls)
        calls.clear()
        assert_same_rows(WALKS[walk](queryset, chunk_size), expected)
    finally:
        signal.disconnect(receiver, sender=models.Signalled)
    assert django_calls
    assert calls == django_calls


@pytest.mark.django(6, 1)
@pytest.mark.parametrize("walk", WALKS)
def test_fetch_peers_loads_a_relation_once_per_chunk(walk: str) -> None:
    from django.db.models import FETCH_PEERS

    queryset = models.Event.objects.fetch_mode(FETCH_PEERS).order_by("pk")
    walked = WALKS[walk](queryset, 8)
    assert_same_rows(walked, by_django(queryset))
    peers = [{peer().pk for peer in row._state.peers} for row in walked]
    keys = [row.pk for row in walked]
    assert peers == [set(keys[n // 8 * 8 : n // 8 * 8 + 8]) for n in range(len(keys))]
