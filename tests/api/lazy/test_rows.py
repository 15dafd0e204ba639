"""LazyRows in the place of a queryset."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest
from django.db import connection
from django.template import Context, Engine

from chunkqs import (
    LazyRows,
    StreamInterrupted,
    keyset_iter,
    stream,
)
from tests.api.lazy.walks import ROWS, both, ordered, queries
from tests.support.leftovers import Leftovers
from tests.support.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@both
def test_making_and_showing_lazy_rows_asks_nothing(walk: Any) -> None:
    with queries() as asked:
        rows = walk(ordered())
        assert repr(rows) == f"<LazyRows: {walk.__name__}() of tests.Event>"
        assert isinstance(rows, LazyRows)
        iter(rows)
    assert len(asked) == 0


@both
def test_every_iter_is_a_fresh_run(walk: Any) -> None:
    rows = walk(ordered(), chunk_size=7)
    first, second = iter(rows), iter(rows)
    next(first)
    expected = list(ordered())
    assert list(second) == expected
    assert list(first) == expected[1:]
    assert list(iter(rows)) == expected


@both
def test_len_counts_once_in_a_walk_and_again_outside_of_it(walk: Any) -> None:
    rows = walk(ordered())
    assert len(rows) == ROWS
    iterator = iter(rows)
    last = next(iterator)
    with queries() as asked:
        assert len(rows) == rows.count() == ROWS
    assert len(asked) == 1
    assert "COUNT" in asked[0]["sql"]
    list(iterator)
    ordered().filter(pk=last.pk).delete()
    assert len(rows) == ROWS - 1


@both
def test_bool_asks_whether_there_is_any_row(walk: Any) -> None:
    with queries() as asked:
        assert walk(ordered())
        assert not walk(ordered().filter(kind="none of this kind"))
    assert len(asked) == 2
    assert all("LIMIT 1" in query["sql"] for query in asked)


@both
def test_an_index_and_a_slice_are_queries_of_their_own(walk: Any) -> None:
    rows, expected = walk(ordered()), list(ordered())
    with queries() as asked:
        assert rows[5] == expected[5]
        assert list(rows[10:20]) == expected[10:20]
    assert len(asked) == 2
    with pytest.raises(ValueError, match="Negative indexing"):
        rows[-1]
    with pytest.raises(IndexError):
        rows[ROWS]


@both
def test_reversed_walks_from_the_other_end(walk: Any) -> None:
    rows = walk(ordered(), chunk_size=4)
    assert list(reversed(rows)) == list(reversed(ordered()))


def test_reversed_without_an_order_goes_by_key_or_says_so() -> None:
    assert list(reversed(keyset_iter(Event.objects.all()))) == list(Event.objects.order_by("-pk"))
    with pytest.raises(TypeError, match="order_by"):
        reversed(stream(Event.objects.all()))


@both
def test_the_estimate_is_close_after_analyze(walk: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}{Event._meta.db_table}"
        )
    assert ROWS / 2 <= walk(Event.objects.all()).estimate() <= ROWS * 2
    assert walk(Event.objects.none()).estimate() == 0


@both
def test_lazy_rows_serve_a_template(walk: Any) -> None:
    template = Engine().from_string(
        "{% for e in rows %}{{ forloop.revcounter }},{{ e.pk }};{% endfor %}"
    )
    expected = template.render(Context({"rows": ordered()}))
    assert template.render(Context({"rows": walk(ordered())})) == expected


@both
def test_rows_refuse_to_be_pickled_with_a_reason(walk: Any) -> None:
    for rows in (walk(ordered()), walk(ordered()).chunks(5)):
        with pytest.raises(TypeError, match="position of keyset_iter"):
            pickle.dumps(rows)


def test_another_thread_ends_a_walk(nothing_left_open: Leftovers) -> None:
    rows = stream(ordered(), chunk_size=1)
    seen = 0
    with pytest.raises(StreamInterrupted, match="ended early"):
        for _ in rows:
            seen += 1
            closer = threading.Thread(target=rows.close)
            closer.start()
            closer.join()
    assert seen == 1


@both
def test_progress_shows_a_bar_and_yields_the_rows(walk: Any, capsys: Any) -> None:
    pytest.importorskip("tqdm")
    assert list(walk(ordered()).progress()) == list(ordered())
    assert "rows" in capsys.readouterr().err


def test_a_bar_that_has_a_name_holds_nothing_open_after_break(
    nothing_left_open: Leftovers,
) -> None:
    pytest.importorskip("tqdm")
    bar: Any = stream(ordered(), chunk_size=7).progress()
    for _ in bar:
        break
    nothing_left_open.check()
