"""Generated functions hold nothing longer than they live."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.test.utils import isolate_apps

from chunkqs.hydration.codegen import compiled, function
from tests.support.made import assert_as_django, model, raw_rows


def test_a_function_is_in_no_reference_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        made = function(["def hydrate(block): return [seen, *block]"], "test", {"seen": 1})
        assert made([(2,)]) == [1, (2,)]
        alive = weakref.ref(made)
        del made
        assert alive() is None
    finally:
        gc.enable()


def test_code_is_compiled_once() -> None:
    lines = ["def hydrate(block): return block"]
    function(lines, "test", {})
    before = compiled.cache_info()
    function(lines, "test", {"other": 2})
    assert compiled.cache_info().hits == before.hits + 1
    assert compiled.cache_info().maxsize


@isolate_apps("tests.support")
def test_a_column_that_takes_the_place_of_a_loaded_one() -> None:
    made = model()
    for name in ("name", "other_id", "id"):
        queryset = made.objects.extra(select={name: "1"})
        assert_as_django(queryset, [(99, *row) for row in raw_rows(made)])
    queryset = made.objects.select_related("other").extra(select={"other_id": "1"})
    raw = raw_rows(made)
    assert_as_django(queryset, [(99, *raw[0], *raw[1]), (10, *raw[0], *raw[1])])


@isolate_apps("tests.support")
def test_names_that_are_no_python() -> None:
    made = model()
    queryset = made.objects.extra(select={"no-name": "1", "class": "2", "\\": "3"})
    assert_as_django(queryset, [(1, 2, 3, *row) for row in raw_rows(made)])
    assert_as_django(queryset.values(), [(1, 2, 3, *row) for row in raw_rows(made)])


def test_historical_models_are_let_go() -> None:
    fields: Any = [("id", models.BigIntegerField(primary_key=True)), ("name", models.TextField())]
    state = ProjectState()
    state.add_model(ModelState("tests", "Old", fields))
    made = state.apps.get_model("tests", "Old")
    rows = assert_as_django(made.objects.all(), [(1, "one"), (2, "two")])
    alive = weakref.ref(made)
    del made, rows, state
    gc.collect()
    assert alive() is None
