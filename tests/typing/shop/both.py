"""What both type checkers infer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from django.db.models import QuerySet
from shop.models import Event, Mixed, Person, Plain, Thing, Visit

from chunkqs import (
    Chunk,
    ChunkedManager,
    ChunkedQuerySet,
    LazyChunks,
    LazyRows,
    Partition,
    chunks,
    keyset_iter,
    stream,
)

assert_type(Event.objects, ChunkedManager[Event])
assert_type(Event.objects.stream(), LazyRows[Event])
assert_type(Event.objects.keyset_iter(), LazyRows[Event])
assert_type(Event.objects.chunks(5), LazyChunks[Event])
assert_type(Event.objects.filter(pk=1).order_by("pk").stream(), LazyRows[Event])
assert_type(Event.objects.stream()[0], Event)
assert_type(Event.objects.stream().chunks(5), LazyChunks[Event])
assert_type(Event.objects.partitions(4), list[Partition])
assert_type(Event.objects.partition("token").stream(), LazyRows[Event])
assert_type(Event.objects.get(), Event)
assert_type(Event.objects.first(), Event | None)


def number_of(chunk: Chunk[Event]) -> int:
    return chunk.number


for number in Event.objects.parallel(number_of, workers=2):
    assert_type(number, int)

# every method of the manager at which a chain begins
assert_type(Event.objects.all(), ChunkedQuerySet[Event, Event])
assert_type(Event.objects.none().stream(), LazyRows[Event])
assert_type(Event.objects.using("default").stream(), LazyRows[Event])
assert_type(Event.objects.exclude(pk=1).stream(), LazyRows[Event])
assert_type(Event.objects.complex_filter({}).stream(), LazyRows[Event])
assert_type(Event.objects.union(Event.objects.all()).stream(), LazyRows[Event])
assert_type(Event.objects.intersection(Event.objects.all()).stream(), LazyRows[Event])
assert_type(Event.objects.difference(Event.objects.all()).stream(), LazyRows[Event])
assert_type(Event.objects.reverse().stream(), LazyRows[Event])
assert_type(Event.objects.distinct().stream(), LazyRows[Event])
assert_type(Event.objects.defer("kind").only("kind").stream(), LazyRows[Event])
assert_type(Event.objects.only("kind").defer("kind").stream(), LazyRows[Event])
assert_type(Event.objects.select_related().stream(), LazyRows[Event])
assert_type(Event.objects.prefetch_related("visit_set").stream(), LazyRows[Event])
assert_type(Event.objects.select_for_update().stream(), LazyRows[Event])
assert_type(Event.objects.annotate().stream(), LazyRows[Event])
assert_type(Event.objects.alias().stream(), LazyRows[Event])
assert_type(Event.objects.datetimes("created_at", "day").stream(), LazyRows[datetime])


def mode(of: Any) -> None:
    assert_type(Event.objects.fetch_mode(of).stream(), LazyRows[Event])


for event in Event.objects.filter(kind="view").stream():
    assert_type(event, Event)
for chunk in Event.objects.order_by("created_at").chunks(5000):
    assert_type(chunk, Chunk[Event])
    assert_type(chunk[0], Event)
    assert_type(chunk.queryset, QuerySet[Any, Any])


async def walk() -> None:
    async for event in Event.objects.stream():
        assert_type(event, Event)
    async for chunk in Event.objects.chunks(5):
        assert_type(chunk, Chunk[Event])


# other managers
assert_type(Mixed.objects.stream(), LazyRows[Mixed])
assert_type(Visit.objects.stream(), LazyRows[Visit])
assert_type(Visit.objects.filter(pk=1).order_by("pk").stream(), LazyRows[Visit])
assert_type(Thing.objects.own(), int)
assert_type(Thing.objects.filter(pk=1).stream(), LazyRows[Thing])
assert_type(Thing.annotated.filter(pk=1).stream(), LazyRows[Thing])
assert_type(Thing.given.filter(pk=1).stream(), LazyRows[Thing])
assert_type(Person.objects.filter(pk=1).stream(), LazyRows[Person])
assert_type(Person.objects.create_user("anna"), Person)

# functions, over any queryset
assert_type(stream(Plain.objects.all()), LazyRows[Plain])
assert_type(keyset_iter(Plain.objects.filter(pk=1)), LazyRows[Plain])
assert_type(chunks(Plain.objects.all(), 5), LazyChunks[Plain])

# wrong, and therefore noticed: an ignore that nothing needs is an error, too
assert_type(Event.objects.stream(), LazyRows[Visit])  # type: ignore[assert-type]
