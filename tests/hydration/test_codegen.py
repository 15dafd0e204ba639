"""Generated functions: their lifetime, their tracebacks, and names that are no Python."""

from __future__ import annotations

import gc
import linecache
import traceback
import weakref
from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import ExpressionWrapper, F
from django.test.utils import isolate_apps

from chunkqs.django_internals.compiler import compile_select
from chunkqs.hydration.codegen import compiled_code, function
from chunkqs.hydration.hydrator import hydrator
from tests.support.made import assert_as_django, model, raw_rows


class Converted(models.IntegerField):
    """Divides one by each value."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return 1 // value

    @classmethod
    def of(cls, name: str) -> ExpressionWrapper:
        return ExpressionWrapper(F(name), cls())


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
    before = compiled_code.cache_info()
    function(lines, "test", {"other": 2})
    assert compiled_code.cache_info().hits == before.hits + 1
    assert compiled_code.cache_info().maxsize


@isolate_apps("tests.support")
def test_a_traceback_shows_the_line_of_generated_code() -> None:
    made = model()
    queryset = made.objects.annotate(more=Converted.of("id"))
    compiler = compile_select(queryset, connection).compiler
    hydrate = hydrator(queryset, compiler)
    with pytest.raises(ZeroDivisionError) as caught:
        hydrate([(0, None, "none", 0)])
    text = "".join(traceback.format_exception(caught.value))
    assert "    c3 = convert3_" in text
    assert f"<chunkqs {made._meta.label}" in text


def test_lines_are_forgotten_with_the_code_that_they_show() -> None:
    lines = ["def hydrate(block): return [*block, 'forgotten']"]
    made = function(lines, "test", {})
    filename = made.__code__.co_filename
    compiled_code.cache_clear()
    linecache.checkcache()
    assert linecache.getlines(filename) == lines
    del made
    gc.collect()
    assert filename not in linecache.cache


def test_a_thousand_statements_leave_bounded_memory() -> None:
    for number in range(1000):
        function([f"def hydrate(block): return {number}"], "bounded", {})
    gc.collect()
    kept = [name for name in linecache.cache if name.startswith("<chunkqs bounded")]
    assert 0 < len(kept) <= 512


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
