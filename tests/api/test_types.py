"""Type checkers know what a chain yields: each claim is checked by `make types`, and run here."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeAlias, assert_type

import pytest
from django.db.models import QuerySet

from chunkqs import Chunk, LazyChunks, LazyRows, stream
from tests.support.models import Event, User

IdAndKind: TypeAlias = tuple[int, str]

pytestmark = pytest.mark.django_db


def test_rows_are_of_the_querysets_type() -> None:
    assert_type(Event.objects.stream(), LazyRows[Event])
    assert_type(Event.objects.filter(pk=1).order_by("pk").keyset_iter(), LazyRows[Event])
    assert_type(Event.objects.all().chunks(5), LazyChunks[Event])
    assert_type(Event.objects.select_for_update().stream(), LazyRows[Event])
    assert_type(Event.objects.select_related("user").exclude(pk=1).stream(), LazyRows[Event])
    assert_type(Event.objects.values_list("id", flat=True).stream(), LazyRows[int])
    assert_type(Event.objects.filter(pk=1).values_list("id", "kind").stream(), LazyRows[IdAndKind])
    assert_type(Event.objects.dates("created_at", "year").stream(), LazyRows[date])
    assert_type(stream(User.objects.all()), LazyRows[User])


def test_a_chunk_is_a_list_of_rows_that_has_a_queryset() -> None:
    for chunk in Event.objects.chunks(5):
        assert_type(chunk, Chunk[Event])
        assert_type(chunk.queryset, QuerySet[Any, Any])
