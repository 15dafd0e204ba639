"""Which loop is it: a queryset that is read as a whole with many rows says so at its line."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.template import Context, Template
from django.test import override_settings

from chunkqs import ChunkedQuerySet, LargeResultWarning
from chunkqs.django_internals.iterables import has_own_iteration
from tests.support.models import Event, User
from tests.support.rows import make

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 20


@pytest.fixture
def bound() -> Iterator[None]:
    make(Event, ROWS)
    with override_settings(CHUNKQS={"WARN_ROWS": ROWS}):
        yield


def warned(work: Callable[[], Any]) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [one for one in caught if one.category is LargeResultWarning]


def test_the_warning_stands_at_the_line_of_the_loop(bound: None) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        for _ in Event.objects.filter(pk__gt=0):
            pass
    (one,) = caught
    assert (one.filename, one.lineno) == (__file__, line)
    assert str(one.message).startswith("20 rows of tests.Event were read into memory at once")
    assert ".stream()" in str(one.message)


def test_the_warning_stands_at_the_line_of_an_async_loop(bound: None) -> None:
    async def loop() -> None:
        async for _ in Event.objects.all():  # the line
            pass
        await sync_to_async(connections.close_all)()

    (one,) = warned(lambda: asyncio.run(loop()))
    assert one.filename == __file__
    assert one.lineno == inspect.getsourcelines(loop)[1] + 1


READS: dict[str, Callable[[Any], Any]] = {
    "for": lambda queryset: [row for row in queryset],  # noqa: C416
    "list()": list,
    "len()": len,
    "bool()": bool,
    "in": lambda queryset: object() in queryset,
    "values()": lambda queryset: list(queryset.values("pk")),
    "a template": lambda queryset: Template("{% for e in events %}{% endfor %}").render(
        Context({"events": queryset})
    ),
    "pickle": pickle.dumps,
}
QUIET: dict[str, Callable[[Any], Any]] = {
    "stream()": lambda queryset: list(iter(queryset.stream())),
    "keyset_iter()": lambda queryset: list(iter(queryset.keyset_iter())),
    "chunks()": lambda queryset: [list(chunk) for chunk in queryset.chunks(7)],
    "iterator()": lambda queryset: list(queryset.iterator()),
    "fewer rows": lambda queryset: list(queryset[: ROWS - 1]),
    "one row": lambda queryset: queryset.first(),
    "a count": lambda queryset: queryset.count(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_there_is_a_warning_of(bound: None, read: Callable[[Any], Any]) -> None:
    (one,) = warned(lambda: read(Event.objects.all()))
    assert one.filename == __file__


@pytest.mark.parametrize("read", QUIET.values(), ids=QUIET)
def test_there_is_no_warning_of(bound: None, read: Callable[[Any], Any]) -> None:
    assert warned(lambda: read(Event.objects.all())) == []


def test_a_result_that_is_there_already_is_not_warned_of_again(bound: None) -> None:
    events = Event.objects.all()
    assert len(warned(lambda: list(events))) == 1
    assert warned(lambda: list(events)) == []


def test_related_managers_are_ours_too(bound: None) -> None:
    user = User.objects.create(name="u", email="u@example.org")
    Event.objects.update(user=user)
    assert len(warned(lambda: list(user.event_set.all()))) == 1


def test_nothing_is_warned_of_unless_it_is_asked_for() -> None:
    make(Event, ROWS)
    assert warned(lambda: list(Event.objects.all())) == []


def test_watching_makes_no_queryset_one_with_ways_of_its_own() -> None:
    assert not has_own_iteration(Event.objects.all())
    assert has_own_iteration(Watched(Event))


class Watched(ChunkedQuerySet[Event]):
    """A queryset with an iteration of its own, which walks have to go by."""

    def _fetch_all(self) -> None:
        super()._fetch_all()
