"""The methods are there wherever a queryset is."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations import CreateModel, Migration, RunPython
from django.db.migrations.state import ProjectState

import chunkqs
from chunkqs import ChunkedManager, ChunkedModelMixin, ChunkedQuerySet, ChunkedQuerySetMixin
from tests.support.models import AsManager, Event, Foreign, FromQuerySet, Hiding, Plain, User
from tests.support.rows import make

pytestmark = pytest.mark.django_db


def walked(queryset: Any) -> list[list[Any]]:
    """Walk `queryset`, or what a manager gives, by each of the methods."""
    return [
        list(iter(queryset.stream())),
        list(iter(queryset.keyset_iter())),
        [row for chunk in queryset.chunks(3) for row in chunk],
    ]


def assert_walks(queryset: Any) -> None:
    expected = list(queryset.order_by("pk"))
    assert expected
    assert walked(queryset.order_by("pk")) == [expected] * 3
    assert [sorted(rows, key=lambda row: row.pk) for rows in walked(queryset)] == [expected] * 3


@pytest.fixture
def numbered() -> None:
    for model in (Plain, Hiding, FromQuerySet, AsManager, Foreign):
        model._base_manager.bulk_create(
            model(number=number, hidden=number % 3 == 0) for number in range(10)
        )


def test_on_the_manager_and_after_filter() -> None:
    make(Event)
    assert_walks(Event.objects)
    assert_walks(Event.objects.all())
    assert_walks(Event.objects.filter(status=1).exclude(kind="view"))


def test_on_related_managers() -> None:
    make(Event)
    user = User.objects.first()
    assert user is not None
    assert_walks(user.event_set)
    assert_walks(user.event_set.filter(status=1))
    assert all(event.user is user for event in user.event_set.stream())


def test_on_a_related_manager_that_was_prefetched() -> None:
    make(Event)
    for user in User.objects.prefetch_related("event_set"):
        assert len(list(iter(user.event_set.stream()))) == user.event_set.count()


def test_a_manager_with_its_own_get_queryset(numbered: None) -> None:
    assert_walks(Hiding.objects)
    assert len(Hiding.objects.stream()) == Hiding.objects.count() < Hiding.everything.count()


def test_a_manager_made_by_from_queryset(numbered: None) -> None:
    assert_walks(FromQuerySet.objects)
    assert_walks(FromQuerySet.objects.visible())
    assert_walks(FromQuerySet.objects.filter(number__gt=2).visible())


def test_a_manager_made_by_as_manager(numbered: None) -> None:
    assert_walks(AsManager.objects)
    assert_walks(AsManager.objects.visible())


def test_a_foreign_manager_and_queryset_class(numbered: None) -> None:
    for manager in (Foreign.objects, Foreign.from_mixin):
        assert_walks(manager)
        assert_walks(manager.visible())
        assert isinstance(manager.visible(), ChunkedQuerySetMixin)
    assert next(iter(Foreign.objects.filter(number=4).stream())).twice == 8


def test_the_functions_over_a_plain_queryset(numbered: None) -> None:
    expected = list(Plain.objects.order_by("pk"))
    for queryset in (Plain.objects.order_by("pk"), Plain.objects):
        assert list(iter(chunkqs.stream(queryset))) == expected
        assert list(iter(chunkqs.keyset_iter(queryset))) == expected
        assert [row for chunk in chunkqs.chunks(queryset, 3) for row in chunk] == expected


def test_a_later_change_of_the_queryset_does_not_reach_the_walk() -> None:
    make(Event)
    queryset = Event.objects.all()
    rows = queryset.stream()
    queryset.query.add_filter("pk", -1)
    assert len(list(iter(rows))) == 20


def test_a_chunked_queryset_of_a_foreign_class_is_pickled_and_copied(numbered: None) -> None:
    queryset = Foreign.objects.visible()
    for other in (pickle.loads(pickle.dumps(queryset)), copy.deepcopy(queryset)):
        assert list(other) == list(queryset)
        assert type(other) is type(queryset)
        assert_walks(other)


def test_the_mixin_gives_a_model_its_manager() -> None:
    class Mixed(ChunkedModelMixin):
        class Meta:
            app_label = "tests"
            managed = False

    try:
        assert isinstance(Mixed.objects, ChunkedManager)
        assert isinstance(Mixed.objects.filter(pk=1), ChunkedQuerySet)
    finally:
        from django.apps import apps

        del apps.all_models["tests"]["mixed"]
        apps.clear_cache()


@pytest.mark.django_db(transaction=True)
def test_historical_models_in_a_data_migration() -> None:
    walked: list[int] = []

    def double(apps: Any, schema_editor: Any) -> None:
        Thing = apps.get_model("tests", "HistoricalThing")
        Thing.objects.bulk_create(Thing(number=number) for number in range(10))
        for chunk in chunkqs.chunks(Thing.objects.all(), 3):
            chunk.queryset.update(number=models.F("number") * 2)
        walked.extend(thing.number for thing in chunkqs.stream(Thing.objects.order_by("pk")))
        walked.extend(thing.number for thing in chunkqs.keyset_iter(Thing.objects.all()))

    fields = [("id", models.BigAutoField(primary_key=True)), ("number", models.IntegerField())]
    migration = Migration("made_up", "tests")
    migration.operations = [
        CreateModel("HistoricalThing", fields),
        RunPython(double, RunPython.noop),
    ]
    state = ProjectState()
    with connection.schema_editor(atomic=connection.features.can_rollback_ddl) as editor:
        migration.apply(state.clone(), editor)
    try:
        assert walked == [*range(0, 20, 2)] * 2
    finally:
        with connection.schema_editor() as editor:
            editor.execute(editor.sql_delete_table % {"table": "tests_historicalthing"})
