"""Iterable classes and QuerySets of other packages yield what a loop over the queryset yields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError, connection
from django.db.models import F, QuerySet
from django.db.models.query import ModelIterable
from django.test.utils import CaptureQueriesContext, override_settings

from chunkqs import ChunkedQuerySetMixin, KeysetError, chunks, keyset_iter, stream
from chunkqs.django_internals.iterables import has_own_iterable, has_own_iteration
from tests.support import iterables
from tests.support.models import Event, Plain
from tests.support.oracle import assert_same_rows
from tests.support.rows import make
from tests.support.ways import CHUNK_SIZES, TRANSACTIONS, WALKS, by_django

ROWS = 60
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


def events(queryset_class: type[QuerySet] = QuerySet) -> Any:
    return queryset_class(Event).order_by("status", "pk")


def with_iterable(iterable: type[Any], queryset: Any = None) -> Any:
    queryset = events() if queryset is None else queryset
    queryset._iterable_class = iterable
    return queryset


FORMS: dict[str, Callable[[], Any]] = {
    "remembers": lambda: with_iterable(iterables.OnePerUser),
    "counts": lambda: with_iterable(iterables.Numbered),
    "counts values": lambda: with_iterable(iterables.NumberedValues, events().values("pk", "kind")),
    "batches": lambda: with_iterable(iterables.Batches),
    "batches, prefetching": lambda: with_iterable(iterables.Batches).prefetch_related("user"),
    "derived": lambda: with_iterable(iterables.Derived),
    "derived, prefetching": lambda: with_iterable(iterables.Derived).prefetch_related("user"),
    "derived, annotated": lambda: with_iterable(iterables.Derived).annotate(more=F("pk")),
    "derived, filtered": lambda: with_iterable(iterables.Derived).filter(status__gt=0),
    "derived keys": lambda: with_iterable(iterables.DerivedKeys),
    "counts first": lambda: with_iterable(iterables.CountsFirst),
    "looks at SQL": lambda: with_iterable(iterables.LooksAtSql),
    "pairs": lambda: with_iterable(iterables.Pairs),
    "header": lambda: with_iterable(iterables.HeaderFirst),
    "reads twice": lambda: with_iterable(iterables.ReadsTwice),
    "doubled": lambda: with_iterable(iterables.Doubled, events().values_list("pk", flat=True)),
    "own _fetch_all": lambda: events(iterables.OwnFetch),
    "own __iter__": lambda: events(iterables.OwnIter),
    "own __iter__, prefetching": lambda: events(iterables.OwnIter).prefetch_related("user"),
    "own __iter__ and iterable class": lambda: with_iterable(
        iterables.Batches, events(iterables.OwnIter)
    ),
    "own state": lambda: labelled(events(iterables.OwnState)),
    "none()": lambda: with_iterable(iterables.Numbered).none(),
    "none() derived": lambda: with_iterable(iterables.DerivedKeys).none(),
}


def labelled(queryset: Any) -> Any:
    queryset.label = "mine"
    return queryset.all()


def test_querysets_of_our_own_have_no_ways_of_their_own() -> None:
    plain: Any = QuerySet(Event)
    for queryset in (Event.objects.all(), Event.objects.values(), plain, Plain.objects.all()):
        assert not has_own_iteration(queryset)
        assert not has_own_iterable(queryset)


@pytest.mark.parametrize("transaction", TRANSACTIONS)
@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("form", FORMS)
def test_every_way_of_their_own(
    form: str, walk: str, chunk_size: int | None, transaction: str
) -> None:
    expected = by_django(FORMS[form]())
    with TRANSACTIONS[transaction]():
        assert_same_rows(WALKS[walk](FORMS[form](), chunk_size), expected)


def test_a_chunk_is_no_result_that_was_read_as_a_whole() -> None:
    class Own(ChunkedQuerySetMixin, iterables.OwnIter):
        pass

    with override_settings(CHUNKQS={"WARN_ROWS": 5}):
        assert len([row for chunk in events(Own).chunks(20) for row in chunk]) == ROWS


def test_stream_gives_chunks_of_them() -> None:
    for form in FORMS:
        got = [row for chunk in stream(FORMS[form]()).chunks(7) for row in chunk]
        assert_same_rows(got, by_django(FORMS[form]()))


#: Those whose rows can be told apart: they are instances of the model.
PLACED = ["counts", "batches", "derived", "counts first", "looks at SQL", "own __iter__"]


@pytest.mark.parametrize("form", PLACED)
@pytest.mark.parametrize("stop", [1, 6, 7, 8, 33, ROWS])
def test_a_walk_resumes_after_the_row_that_was_handed_out_last(form: str, stop: int) -> None:
    walked = keyset_iter(FORMS[form](), chunk_size=7)
    seen = []
    for row in walked:
        seen.append(row.pk)
        if len(seen) == stop:
            break
    rest = [row.pk for row in keyset_iter(FORMS[form](), after=walked.position)]
    assert seen + rest == [row.pk for row in by_django(FORMS[form]())]


@pytest.mark.parametrize("form", [*PLACED, "own state", "derived, annotated"])
def test_a_chunk_and_its_queryset_agree(form: str) -> None:
    found: list[Any] = []
    for chunk in chunks(FORMS[form](), 7):
        assert [row.pk for row in chunk.queryset] == [row.pk for row in chunk]
        assert chunk.position
        found += chunk
    assert len(found) == ROWS


def test_the_ranges_of_chunks_cover_the_rows_that_were_left_out() -> None:
    queryset = with_iterable(iterables.OnePerUser)
    keys: list[int] = []
    for chunk in chunks(queryset, 7):
        keys += chunk.queryset.values_list("pk", flat=True)
    assert keys == [row.pk for row in events()]


def test_a_position_that_cannot_be_told_is_refused() -> None:
    walked = keyset_iter(FORMS["pairs"](), chunk_size=7)
    rows = iter(walked)
    next(rows), next(rows)
    with pytest.raises(KeysetError, match="position of this walk of tests.Event is unknown"):
        walked.position  # noqa: B018


def test_an_iterable_class_gets_whole_chunks() -> None:
    for walk in (stream, keyset_iter, lambda queryset, chunk_size: chunks(queryset, chunk_size)):
        iterables.Batches.sizes.clear()
        for _ in walk(FORMS["batches"](), chunk_size=25):
            pass
        assert iterables.Batches.sizes == [25, 25, 10]


def test_an_iterable_class_asks_as_often_as_in_djangos_iteration() -> None:
    with CaptureQueriesContext(connection) as djangos:
        list(FORMS["batches"]().iterator())
    for walk in (stream, keyset_iter):
        with CaptureQueriesContext(connection) as ours:
            list(iter(walk(FORMS["batches"]())))
        # Two blocks, and what a walk by keyset asks about its end.
        assert len(ours) <= len(djangos) + 6


@pytest.mark.parametrize("form", ["derived", "derived keys"])
def test_a_derived_query_is_limited_to_each_chunk_of_a_keyset_walk(form: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        list(iter(keyset_iter(FORMS[form](), chunk_size=7)))
    unlimited = [sql for sql in derived_queries(queries) if "WHERE" not in sql]
    assert unlimited == []


def test_a_derived_query_runs_once_in_a_stream() -> None:
    with CaptureQueriesContext(connection) as queries:
        list(iter(stream(FORMS["derived keys"](), chunk_size=7)))
    assert len(derived_queries(queries)) == 1


def derived_queries(queries: Any) -> list[str]:
    """Return the queries for other columns than those of whole rows, of more than one row."""
    return [
        sql
        for sql in (query["sql"] for query in queries)
        if sql.startswith(("SELECT", "DECLARE"))
        and "tests_event" in sql
        and "created_at" not in sql
        and "LIMIT 1" not in sql
        and "COUNT(" not in sql
    ]


@pytest.mark.parametrize("walk", [keyset_iter, chunks])
def test_a_queryset_may_ask_more_about_the_rows_of_each_chunk(walk: Any) -> None:
    expected = by_django(events(iterables.AsksMore))
    got: list[Any] = []
    for row in walk(events(iterables.AsksMore)):
        got += row if isinstance(row, list) else [row]
    assert_same_rows(got, expected)


def test_a_stream_refuses_a_queryset_that_asks_more_before_any_row() -> None:
    with pytest.raises(NotSupportedError, match=r"AsksMore asks further queries .* keyset_iter"):
        next(iter(stream(events(iterables.AsksMore))))


@pytest.mark.parametrize("walk", [stream, keyset_iter, chunks])
def test_a_queryset_that_does_not_clone_is_refused_at_the_call(walk: Any) -> None:
    queryset: Any = iterables.InPlace(Event)
    with pytest.raises(TypeError, match=r"InPlace.* changes itself"):
        walk(queryset)
    assert not queryset.query.order_by


def test_an_error_of_an_iterable_class_comes_after_the_rows_before_it() -> None:
    class Breaks(ModelIterable):
        def __iter__(self) -> Any:
            for number, row in enumerate(super().__iter__()):
                if number == 10:
                    raise ValueError("of the iterable class")
                yield row

    for walk in (stream, keyset_iter):
        seen = []
        with pytest.raises(ValueError, match="of the iterable class"):
            for row in walk(with_iterable(Breaks), chunk_size=7):
                seen.append(row)
        assert len(seen) == 10
