"""What models, fields and programs put in the way of a row is met as in Django's iteration."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.db import models
from django.db.models import DEFERRED, F, QuerySet
from django.db.models.base import ModelState
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.mixins import FieldCacheMixin
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query import ModelIterable

from tests.support.models import Event, User
from tests.support.oracle import assert_same_rows
from tests.support.rows import make
from tests.support.ways import WALKS, by_django

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("walk", WALKS)]


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    make(Event, 20)


class Column(models.TextChoices):
    PATH = "path"
    EXTRA = "extra"


class Name(enum.StrEnum):
    PATH = "path"


class Evil(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "__import__('os').abort()"


def events() -> QuerySet[Any]:
    return Event.objects.order_by("pk")


NAMED: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "choices": lambda: events().values("pk", Column.PATH),
    "an enum": lambda: events().values(Name.PATH, "pk"),
    "text with a __repr__": lambda: events().values(Evil("path"), "pk"),
    "named tuples": lambda: events().values_list("pk", Column.PATH, named=True),
    "an annotation": lambda: events().annotate(**{Column.EXTRA: F("pk")}),
    "values of an annotation": lambda: events().annotate(**{Column.EXTRA: F("pk")}).values(),
}


@pytest.mark.parametrize("case", NAMED)
def test_names_that_are_no_plain_text_stay_what_they_are(walk: str, case: str) -> None:
    expected = by_django(NAMED[case]())
    got = WALKS[walk](NAMED[case](), 7)
    assert_same_rows(got, expected)
    if isinstance(got[0], dict):
        assert [*map(type, got[0])] == [*map(type, expected[0])]


def converting(convert: Callable[[Any], Any]) -> QuerySet[Any]:
    """Return events whose path goes through a converter."""

    class Converted(models.CharField):
        def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
            return convert(value)

    return events().annotate(seen=models.ExpressionWrapper(F("pk"), Converted()))


def test_rows_before_one_that_cannot_be_made_are_handed_out(walk: str) -> None:
    boom = events()[12].pk

    def convert(value: Any) -> Any:
        if value == boom:
            raise ValueError("of the converter")
        return value

    queryset: Any = converting(convert)
    got: list[Any] = []
    with pytest.raises(ValueError, match="of the converter"):
        for row in queryset.chunks(5) if walk == "chunks" else getattr(queryset, walk)():
            got += row if walk == "chunks" else [row]
    expected = 10 if walk == "chunks" else 12  # a chunk is handed out whole
    assert [row.pk for row in got] == [row.pk for row in events()[:expected]]


def test_an_error_that_no_row_raises_by_itself_is_not_swallowed(walk: str) -> None:
    """Such as a signal's: where the rows are built once more, to find the one, none is at fault."""
    seen: list[Any] = []

    def convert(value: Any) -> Any:
        seen.append(value)
        if len(seen) == 12:
            raise ValueError("of a signal")
        return value

    queryset: Any = converting(convert)
    with pytest.raises(ValueError, match="of a signal"):
        list(iter(queryset.chunks(5) if walk == "chunks" else getattr(queryset, walk)()))


def test_a_converter_may_leave_a_field_deferred(walk: str) -> None:
    field = Event._meta.get_field("path")

    def from_db_value(value: Any, expression: Any, connection: Any) -> Any:
        return DEFERRED if "1" in value else value

    with mock.patch.object(field, "from_db_value", from_db_value, create=True):
        Event.objects.filter(pk=events()[3].pk).update(path="one: 1")
        expected = by_django(events())
        assert any("path" not in row.__dict__ for row in expected)
        assert_same_rows(WALKS[walk](events(), 7), expected)


class OwnState(ModelState):
    pass


def nothing(self: Any) -> Any:
    return iter([])


REPLACED: dict[str, Callable[[], Any]] = {
    "ModelState": lambda: mock.patch("django.db.models.base.ModelState", OwnState),
    "ModelState.__init__": lambda: mock.patch.object(
        ModelState, "__init__", lambda self: self.__dict__.update(own=1)
    ),
    "set_cached_value": lambda: mock.patch.object(
        FieldCacheMixin, "set_cached_value", counted(FieldCacheMixin.set_cached_value)
    ),
    "ForeignKeyDeferredAttribute.__set__": lambda: mock.patch.object(
        ForeignKeyDeferredAttribute, "__set__", counted(ForeignKeyDeferredAttribute.__set__)
    ),
    "FileDescriptor.__set__": lambda: mock.patch.object(
        FileDescriptor, "__set__", counted(FileDescriptor.__set__)
    ),
    "ModelIterable.__iter__": lambda: mock.patch.object(ModelIterable, "__iter__", nothing),
}


def counted(original: Any) -> Any:
    """Return what leaves a trace on each instance that goes through it."""

    def replaced(self: Any, instance: Any, value: Any) -> Any:
        instance.__dict__["calls"] = instance.__dict__.get("calls", 0) + 1
        return original(self, instance, value)

    return replaced


@pytest.mark.parametrize("part", REPLACED)
def test_a_part_of_django_that_was_replaced_is_used(walk: str, part: str) -> None:
    queryset = events().select_related("user")
    with REPLACED[part]():
        expected = by_django(queryset)
        got = WALKS[walk](queryset, 7)
        assert [vars(row._state) for row in got] == [vars(row._state) for row in expected]
        assert [type(row._state) for row in got] == [type(row._state) for row in expected]
        assert [row.__dict__.keys() for row in got] == [row.__dict__.keys() for row in expected]
        assert len(got) == len(expected)


def test_a_replaced_constructor_without_globals_is_called(walk: str) -> None:
    init = models.Model.__init__
    own = mock.create_autospec(init, side_effect=init)
    with mock.patch.object(models.Model, "__init__", own):
        WALKS[walk](User.objects.order_by("pk"), 7)
    assert own.called
