"""Rows and chunks that are handed to other code, threads and processes."""

from __future__ import annotations

import copy
import os
import pickle
import random
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import ExpressionWrapper, F, IntegerField
from django.forms import ModelChoiceField
from django.test.utils import CaptureQueriesContext
from django.views.generic import ListView

from chunkqs import Chunk, LazyRows, StreamInterrupted, chunks, keyset_iter, stream
from tests.support.models import Event
from tests.support.rows import make

ROWS = 300
SIZE = 20
both = pytest.mark.parametrize("walk", [stream, keyset_iter])
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def rows(transactional_db: None) -> None:
    make(Event, ROWS)


def ordered() -> Any:
    return Event.objects.order_by("pk")


# Chunks


@pytest.mark.parametrize(
    "of",
    [
        ordered,
        lambda: ordered().filter(user__name__contains="a").select_related("user"),
        lambda: ordered().values_list("id", "kind"),
        lambda: ordered().prefetch_related("user"),
    ],
)
def test_a_chunk_pickles_as_what_it_is_without_a_query(of: Callable[[], Any]) -> None:
    for chunk in chunks(of(), SIZE):
        with CaptureQueriesContext(connection) as asked:
            copied = pickle.loads(pickle.dumps(chunk))
            position = chunk.position
        assert len(asked) == 0
        assert type(copied) is Chunk
        assert repr(copied) == repr(chunk)
        assert copied == chunk
        assert (copied.number, copied.position) == (chunk.number, position)
        assert list(copied.queryset) == list(chunk.queryset)
        again = pickle.loads(pickle.dumps(copied))
        assert list(again.queryset) == list(chunk.queryset)


def test_a_chunk_without_an_order_pickles_as_its_rows() -> None:
    union = Event.objects.filter(pk__lte=5).union(Event.objects.filter(pk__gt=5))
    (chunk, *_) = stream(union).chunks(SIZE)
    copied = pickle.loads(pickle.dumps(chunk))
    assert copied == chunk
    assert copied.number == 0


def test_a_chunk_says_where_the_methods_of_a_queryset_are() -> None:
    chunk = next(iter(chunks(ordered(), SIZE)))
    with pytest.raises(AttributeError, match=r"chunk\.queryset\.update\(\)"):
        chunk.update(kind="x")
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        chunk.colour  # noqa: B018


def test_chunks_take_their_size_by_either_name() -> None:
    assert [len(c) for c in chunks(ordered(), chunk_size=100)] == [100, 100, 100]
    assert [len(c) for c in stream(ordered()).chunks(chunk_size=100)] == [100, 100, 100]
    with pytest.raises(TypeError, match="size or chunk_size"):
        chunks(ordered(), 5, chunk_size=5)


# In place of a queryset


@both
def test_rows_answer_what_is_asked_of_a_queryset(walk: Any) -> None:
    rows = walk(ordered())
    assert (rows.model, rows.db, rows.ordered) == (Event, "default", True)
    assert "ORDER BY" in str(rows.query)
    assert rows.exists()
    assert list(rows.iterator()) == list(ordered())


@both
@pytest.mark.parametrize(
    "name", ["filter", "order_by", "exclude", "get", "update", "select_related"]
)
def test_rows_say_to_filter_before(walk: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=rf"{name}\(\) on the queryset, before"):
        getattr(walk(ordered()), name)
    assert not hasattr(walk(ordered()), name)


@both
def test_all_and_copy_give_fresh_rows(walk: Any) -> None:
    rows = walk(ordered(), chunk_size=SIZE)
    first = iter(rows)
    next(first)
    for fresh in (rows.all(), copy.copy(rows)):
        assert type(fresh) is LazyRows
        fresh.close()
        assert list(iter(fresh)) == list(ordered())
    assert len(list(first)) == ROWS - 1


@both
def test_djangos_own_users_of_querysets(walk: Any) -> None:
    class View(ListView):  # type: ignore[type-arg]
        queryset = walk(ordered())
        paginate_by = 50

    assert View(kwargs={}).get_queryset() is not None
    page = Paginator(walk(ordered()), 50).get_page(2)
    assert list(page) == list(ordered()[50:100])
    field = ModelChoiceField(queryset=walk(ordered()), to_field_name="pk")
    assert len(list(field.choices)) == ROWS + 1


def test_the_error_for_a_list_is_short() -> None:
    with pytest.raises(TypeError) as error:
        stream(list(range(100_000)))
    assert len(str(error.value)) < 300


# By index


@both
def test_indexes_that_go_up_by_one_come_from_a_walk(walk: Any) -> None:
    rows = walk(ordered(), chunk_size=SIZE)
    with CaptureQueriesContext(connection) as asked:
        found = [rows[number] for number in range(ROWS)]
        with pytest.raises(IndexError):
            rows[ROWS]
    assert found == list(ordered())
    assert not any("OFFSET 3" in query["sql"] for query in asked)
    assert len(asked) < ROWS / 2


@both
def test_any_index_is_the_row_at_it(walk: Any) -> None:
    rows, expected = walk(ordered(), chunk_size=7), list(ordered())
    numbers = random.Random(1)
    index = 0
    for _ in range(300):
        index = index + 1 if numbers.random() < 0.8 else numbers.randrange(ROWS)
        index %= ROWS
        assert rows[index] == expected[index]
    assert list(rows[10:20]) == expected[10:20]


# Threads


@both
def test_threads_that_share_an_iterator_lose_no_row(walk: Any) -> None:
    shared = iter(walk(ordered().values_list("pk", flat=True), chunk_size=3))
    seen: list[int] = [next(shared)]
    errors: list[BaseException] = []

    def take() -> None:
        try:
            for pk in shared:
                seen.append(pk)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    take_here = list(shared)
    for thread in threads:
        thread.join()
    found = sorted([*seen, *take_here])
    expected = list(ordered().values_list("pk", flat=True))
    # Whoever may not fetch is told so, and no row is lost by that to those who may.
    assert found == expected[: len(found)]
    assert found == expected or errors


def test_a_keyset_walk_says_that_another_thread_may_not_go_on() -> None:
    shared = iter(keyset_iter(ordered(), chunk_size=SIZE))
    first = [next(shared) for _ in range(SIZE)]
    errors: list[Exception] = []

    def go_on() -> None:
        try:
            next(shared)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    thread.join()
    assert "after=rows.position" in str(errors[0])
    assert [*first, *shared] == list(ordered())


@both
def test_after_an_error_the_walk_never_looks_finished(walk: Any) -> None:
    pks = list(ordered().values_list("pk", flat=True))

    class Broken(IntegerField):  # type: ignore[type-arg]
        def from_db_value(self, value: int, *args: Any) -> int:
            if value == pks[50]:
                raise ValueError("broken")
            return value

    rows = ordered().annotate(same=ExpressionWrapper(F("pk"), output_field=Broken()))
    iterator = iter(walk(rows, chunk_size=20))
    assert [next(iterator).pk for _ in range(50)] == pks[:50]
    with pytest.raises(ValueError, match="broken"):
        next(iterator)
    with pytest.raises(StreamInterrupted, match="an error ended it"):
        next(iterator)


def test_another_with_leaves_a_walk_alone() -> None:
    rows = keyset_iter(ordered(), chunk_size=SIZE)
    first = iter(rows)
    started = [next(first) for _ in range(30)]
    with rows:
        second = iter(rows)
        next(second)
    with pytest.raises(StreamInterrupted):
        next(second)
    assert [*started, *first] == list(ordered())


# Processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork()")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    "begin",
    [
        lambda: stream(ordered(), chunk_size=SIZE),
        lambda: stream(ordered(), chunk_size=SIZE, read_ahead=False),
        lambda: stream(ordered(), chunk_size=SIZE, private=False),
        lambda: keyset_iter(ordered(), chunk_size=SIZE),
        lambda: chunks(ordered(), SIZE),
    ],
)
def test_a_forked_child_raises_and_the_parent_goes_on(begin: Callable[[], Any]) -> None:
    def flat(items: Any) -> list[Any]:
        return [row for item in items for row in (item if isinstance(item, list) else [item])]

    iterator = iter(begin())
    first = next(iterator)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(iterator)
        except StreamInterrupted:
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            del iterator
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert flat([first, *iterator]) == list(ordered())
