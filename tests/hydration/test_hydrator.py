"""Hydrate alone: raw rows of a query, cut into blocks, against Django's own iteration."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections, transaction
from django.db.models import F, Model, QuerySet
from django.db.models.query import ValuesListIterable
from django.test.utils import CaptureQueriesContext

from chunkqs.django_internals.compiler import Block, Extra, compile_select
from chunkqs.hydration.hydrator import hydrator
from tests.support import models, querysets, rows
from tests.support.oracle import assert_same_rows

BLOCK_SIZES = [1, 7, 2000]

#: Those alone that have a table and rows: other tests define models of their own.
SHAPES = [model for model in apps.get_models() if model.__module__.startswith("tests.support.")]


@pytest.fixture(scope="module", autouse=True)
def committed_rows(committed_db: None) -> None:
    for build in dict.fromkeys(rows.BUILDERS.values()):
        build(20)


@pytest.fixture
def django_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test when a block goes Django's way."""

    def iterate_block(*args: Any) -> None:
        raise AssertionError("this went Django's way")

    monkeypatch.setattr("chunkqs.hydration.hydrator.iterate_block", iterate_block)


def raw_rows(queryset: QuerySet[Any], extra: Any = ()) -> tuple[Any, Block]:
    """Compile the queryset and fetch all that its statement gives."""
    compiled = compile_select(queryset.all(), connections[queryset.db], extra)
    assert compiled.statement
    with connections[queryset.db].cursor() as cursor:
        cursor.execute(*compiled.statement)
        return compiled.compiler, list(cursor.fetchall())


def hydrated(queryset: QuerySet[Any], size: int = 7, extra: Any = ()) -> list[Any]:
    compiler, block = raw_rows(queryset, extra)
    hydrate = hydrator(queryset, compiler)
    return [row for n in range(0, len(block), size) for row in hydrate(block[n : n + size])]


def by_django(queryset: Any) -> list[Any]:
    """Iterate as Django does; prefetching is not for hydrate."""
    if queryset._prefetch_related_lookups:
        queryset = queryset.prefetch_related(None)
    return list(queryset.all())


FORMS = {**querysets.KEYSET, **querysets.STREAM_ONLY}


@pytest.mark.parametrize("size", BLOCK_SIZES)
@pytest.mark.parametrize("name", FORMS)
def test_every_queryset_form(name: str, size: int) -> None:
    expected = by_django(FORMS[name]())
    assert expected
    assert_same_rows(hydrated(FORMS[name](), size), expected)


@pytest.mark.parametrize("name", querysets.KEYSET)
def test_columns_behind_the_selected_ones_are_left_out(name: str) -> None:
    queryset = querysets.KEYSET[name]()
    expected = by_django(queryset)
    extra = [Extra(F("pk").resolve_expression(queryset.query)) for _ in range(2)]
    assert_same_rows(hydrated(queryset, extra=extra), expected)


@pytest.mark.parametrize("size", BLOCK_SIZES)
@pytest.mark.parametrize("model", SHAPES, ids=lambda model: model.__name__)
def test_every_model_shape(model: type[Model], size: int) -> None:
    queryset = model._base_manager.order_by("pk")
    expected = by_django(queryset)
    assert_same_rows(hydrated(queryset, size), expected)


PLAIN_FORMS = sorted(FORMS.keys() - {"only with own __init__", "defer a file"})


@pytest.mark.usefixtures("django_makes_none")
@pytest.mark.parametrize("name", PLAIN_FORMS)
def test_no_form_of_plain_models_goes_djangos_way(name: str) -> None:
    assert hydrated(FORMS[name]())


def test_iterable_class_of_someone_else_is_left_alone() -> None:
    class Doubled(ValuesListIterable):
        def __iter__(self) -> Iterator[Any]:
            return (row * 2 for row in super().__iter__())

    queryset = models.Composite.objects.order_by("pk").values_list("pk", "name")
    queryset._iterable_class = Doubled
    expected = by_django(queryset)
    extra = [Extra(F("number").resolve_expression(queryset.query))]
    assert_same_rows(hydrated(queryset, extra=extra), expected)


def test_raw_rows_are_not_changed() -> None:
    queryset = models.Described.objects.order_by("pk")
    compiler, block = raw_rows(queryset)
    lists: Any = [list(row) for row in block]
    rows = hydrator(queryset, compiler)(lists)
    assert lists == [list(row) for row in block]
    assert_same_rows(rows, by_django(queryset))


def test_rows_of_values_list_are_tuples_whatever_the_driver_gives() -> None:
    queryset = models.Event.objects.order_by("pk").values_list("id", "kind")
    compiler, block = raw_rows(queryset)
    lists: Any = [list(row) for row in block]
    assert_same_rows(hydrator(queryset, compiler)(lists), by_django(queryset))


def test_empty_block() -> None:
    for queryset in (models.Event.objects.all(), models.Event.objects.values_list("id")):
        compiler, _ = raw_rows(queryset)
        assert hydrator(queryset, compiler)([]) == []


LASTING: dict[str, Callable[[], QuerySet[Any]]] = {
    name: FORMS[name]
    for name in (
        "only",
        "annotate",
        "select_related",
        "select_related deep",
        "select_related to a unique field",
        "related manager",
        "values_list named",
        "defer a described field",
    )
}


@contextmanager
def without_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("name", set(LASTING) - {"values_list named"})
def test_instances_die_with_their_last_reference(name: str) -> None:
    queryset: Any = LASTING[name]()
    known = queryset._known_related_objects.values()
    lasting = {id(row) for rows in known for row in rows.values()} | {id(None)}
    with without_garbage_collector():
        rows = hydrated(queryset)
        related = [r for row in rows for r in vars(row._state).get("fields_cache", {}).values()]
        mortal = [row for row in (*rows, *related) if id(row) not in lasting]
        alive = [weakref.ref(row) for row in mortal]
        assert len(alive) >= len(rows)
        del rows, related, mortal
        assert [ref for ref in alive if ref() is not None] == []


@pytest.mark.parametrize("name", LASTING)
def test_the_walk_dies_with_its_last_reference(name: str) -> None:
    queryset = LASTING[name]()
    compiler, block = raw_rows(queryset)
    with without_garbage_collector():
        hydrate = hydrator(queryset, compiler)
        hydrate(block)
        alive = [weakref.ref(hydrate), weakref.ref(compiler)]
        del hydrate, compiler
        assert [ref for ref in alive if ref() is not None] == []


@pytest.mark.django(6, 1)
@pytest.mark.parametrize("name", ["no order", "select_related", "select_related deep"])
def test_peers_are_those_of_the_block(name: str) -> None:
    from django.db.models import FETCH_PEERS

    queryset = FORMS[name]().fetch_mode(FETCH_PEERS)
    rows = hydrated(queryset, 6)
    assert_same_rows(rows, by_django(queryset))
    for number, row in enumerate(rows):
        expected = rows[number // 6 * 6 :][:6]
        assert [peer() for peer in row._state.peers] == expected
        assert list(vars(row._state))[-1] in ("peers", "fields_cache")


@pytest.mark.django(6, 1)
def test_peers_of_related_instances() -> None:
    from django.db.models import FETCH_PEERS

    queryset = models.Article.objects.select_related("editor").order_by("pk")
    expected: Any = list(queryset.fetch_mode(FETCH_PEERS))
    got: Any = hydrated(queryset.fetch_mode(FETCH_PEERS), len(expected))
    assert_same_rows(got, expected)
    peers = [
        [[peer().pk for peer in row.editor._state.peers] for row in rows if row.editor]
        for rows in (got, expected)
    ]
    assert peers[0] == peers[1]


@pytest.mark.django(6, 1)
@pytest.mark.parametrize("mode", ["FETCH_ONE", "FETCH_PEERS", "FETCH_RAISE"])
def test_fetch_modes(mode: str) -> None:
    from django.db import models as django_models

    queryset = models.Event.objects.defer("path").order_by("pk")
    queryset = queryset.fetch_mode(getattr(django_models, mode))
    got, expected = hydrated(queryset), by_django(queryset)
    assert_same_rows(got, expected)
    assert all(vars(row._state)["fetch_mode"] is getattr(django_models, mode) for row in got)


def changed_and_saved(row: Any) -> Any:
    row.kind = "changed"
    row.save(update_fields=["kind"])
    return row


def with_no_user(row: Any) -> Any:
    row.user = None
    return row


USES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda row: pickle.loads(pickle.dumps(row)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "refresh_from_db": lambda row: (row.refresh_from_db(), row),
    "lazy field": lambda row: (row.path, row),
    "lazy relation": lambda row: (row.user, row),
    "save": changed_and_saved,
    "equality": lambda row: (row == row, hash(row), repr(row)),
    "get_deferred_fields": lambda row: row.get_deferred_fields(),
    "full_clean": lambda row: (row.full_clean(), row),
    "set relation": with_no_user,
}


@pytest.mark.parametrize("name", ["defer a foreign key", "only", "defer", "annotate"])
@pytest.mark.parametrize("use", USES)
def test_instances_behave_as_djangos_do(name: str, use: str, transactional_events: None) -> None:
    queryset = FORMS[name]()[:5]
    ours, djangos = hydrated(queryset), by_django(queryset)
    with CaptureQueriesContext(connection) as queries:
        got = [USES[use](row) for row in ours]
    with CaptureQueriesContext(connection) as expected_queries:
        expected = [USES[use](row) for row in djangos]
    assert [q["sql"] for q in queries] == [q["sql"] for q in expected_queries]
    assert_same_rows(got, expected)


@pytest.fixture
def transactional_events() -> Iterator[None]:
    """Undo what the test does."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
