"""LazyChunks, and the chunks that they hand out."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

from chunkqs import (
    Chunk,
    KeysetError,
    LazyChunks,
    chunks,
    keyset_iter,
    stream,
)
from tests.api.lazy.walks import ROWS, ordered, run
from tests.support.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_chunk_of_ones_own_has_no_position() -> None:
    chunk = Chunk([1, 2])
    assert chunk.number == 0
    with pytest.raises(KeysetError, match="from chunks"):
        _ = chunk.position
    with pytest.raises(KeysetError, match="from chunks"):
        _ = chunk.queryset


@pytest.mark.parametrize("size", [1, 7, 30, 100])
@pytest.mark.parametrize("of", [chunks, lambda qs, size: stream(qs).chunks(size)])
def test_chunks_are_lists_that_are_querysets_too(of: Any, size: int) -> None:
    expected = list(ordered())
    found = of(ordered(), size)
    assert isinstance(found, LazyChunks)
    assert len(found) == -(-ROWS // size)
    for number, chunk in enumerate(found):
        assert isinstance(chunk, Chunk)
        assert isinstance(chunk, list)
        assert chunk.number == number
        assert chunk == expected[number * size : (number + 1) * size]
        assert list(chunk.queryset) == chunk
        rest = keyset_iter(ordered(), after=chunk.position)
        assert list(iter(rest)) == expected[(number + 1) * size :]
    assert found.count() == ROWS


def test_a_chunk_updates_and_deletes_its_own_rows() -> None:
    for chunk in chunks(ordered(), 7):
        if chunk.number % 2:
            chunk.queryset.update(kind=f"chunk {chunk.number}")
        else:
            chunk.queryset.delete()
    left = list(ordered())
    assert [row.kind for row in left] == ["chunk 1"] * 7 + ["chunk 3"] * 7


def test_chunks_without_a_size_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chunkqs.sources.sizing.FIRST_BOUNDED_ROWS", 8)
    found = list(iter(chunks(ordered())))
    assert [row for chunk in found for row in chunk] == list(ordered())
    assert len(found[0]) < len(found[1])
    with pytest.raises(TypeError, match="size"):
        len(chunks(ordered()))


def test_chunks_of_a_query_without_a_keyset_come_from_one_cursor() -> None:
    union = Event.objects.filter(pk=1).union(Event.objects.all())
    found = list(iter(stream(union).chunks(7)))
    assert sum(map(len, found)) == ROWS
    with pytest.raises(KeysetError):
        _ = found[0].position
    with pytest.raises(KeysetError):
        _ = found[0].queryset


def test_chunks_sized_by_time_shrink_when_the_loop_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("chunkqs.sources.sizing.time.monotonic", lambda: now)
    sizes = []
    for chunk in chunks(ordered(), target_seconds=1.0):
        sizes.append(len(chunk))
        now += len(chunk) * 0.5
    assert sum(sizes) == ROWS
    assert sizes[-2] in (2, 3)


def test_a_coroutine_walks_chunks() -> None:
    async def found() -> list[Any]:
        return [(chunk.number, list(chunk)) async for chunk in chunks(ordered(), 7)]

    expected = list(ordered())
    assert run(found()) == [(number, expected[number * 7 : number * 7 + 7]) for number in range(5)]


class Broken(IntegerField):
    def from_db_value(self, value: int, *args: Any) -> int:
        raise ValueError("no such number")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        for chunk in chunks(ordered(), 7):
            assert chunk
            assert gc.isenabled() is enabled
        broken = ordered().annotate(broken=RawSQL("1", [], output_field=Broken()))
        with pytest.raises(ValueError, match="no such number"):
            next(iter(chunks(broken, 7)))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
