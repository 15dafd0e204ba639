"""Rows of related managers know the instance that they were asked for by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.models import F
from django.test.utils import isolate_apps, override_settings

from chunkqs.django_internals.compiler import compile_select
from chunkqs.hydration.hydrator import hydrator
from tests.support.made import assert_as_django, model, raw_rows


@pytest.fixture(autouse=True)
def registry() -> Iterator[Apps | None]:
    """Keep the models of each test to itself."""
    with isolate_apps("tests.support") as apps:
        yield apps


def known(queryset: Any, *pks: Any) -> Any:
    """Make `queryset` one that belongs to instances of these keys, as a related manager does."""
    made = queryset.model
    names = [field.attname for field in made._meta.concrete_fields]
    owners = {pk: made.from_db("default", names, [pk, None, "owner"]) for pk in pks}
    queryset._known_related_objects = {made._meta.get_field("other"): owners}
    return queryset


@pytest.mark.parametrize("pks", [[], [10], [10, 30], [10, 30, None]])
@pytest.mark.parametrize("form", ["all", "deferred", "joined", "annotated"])
def test_known_related_objects(pks: list[Any], form: str) -> None:
    made = model()
    raw: Any = raw_rows(made) * 2
    queryset = known(made.objects.all(), *pks)
    if form == "deferred":
        queryset, raw = known(made.objects.defer("name"), *pks), [row[:2] for row in raw]
    if form == "joined":
        queryset = known(made.objects.select_related("other"), *pks)
        raw = [row + raw[0] for row in raw]
    if form == "annotated":
        queryset, raw = queryset.annotate(more=F("pk")), [(*row, 5) for row in raw]
    rows = assert_as_django(queryset, raw)
    owners = queryset._known_related_objects[made._meta.get_field("other")]
    if 10 in owners and form != "joined":
        assert rows[0].other is owners[10]


def test_known_related_objects_of_another_type_or_database() -> None:
    made, raw = model(), [(1, 10, "one")]
    queryset = known(made.objects.all(), 10)
    owner = queryset._known_related_objects[made._meta.get_field("other")][10]
    compiler = compile_select(queryset, connection).compiler
    owner._state.db = "replica"
    with pytest.raises(ValueError, match="router"):
        hydrator(queryset, compiler)(raw)
    owner._state.db = None
    assert_as_django(queryset, raw)
    owner.__class__ = type(made)("Other", (models.Model,), {"__module__": "tests.support.models"})
    with pytest.raises(ValueError, match="must be a"):
        hydrator(queryset, compiler)(raw)


class Router:
    def __init__(self) -> None:
        self.asked: list[Any] = []

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        self.asked.append(second.pk)
        return bool(second.pk != 3)


def test_routers_are_asked_for_each_row() -> None:
    made = model()
    queryset = known(made.objects.all(), 10)
    compiler = compile_select(queryset, connection).compiler
    with override_settings(DATABASE_ROUTERS=[router := Router()]):
        hydrate = hydrator(queryset, compiler)
        hydrate([(1, 10, "one"), (2, 10, "two")])
        assert router.asked == [1, 2]
        with pytest.raises(ValueError, match="router"):
            hydrate([(3, 10, "three")])
