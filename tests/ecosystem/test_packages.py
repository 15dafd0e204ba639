"""Other people's backends, caches, serializers and workers, with walks in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.db import connection, connections
from import_export.resources import ModelResource
from rest_framework.generics import ListAPIView
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory

import chunkqs
from tests.ecosystem import models, rows
from tests.support.leftovers import Leftovers
from tests.support.oracle import assert_same_rows
from tests.support.ways import WALKS, by_django

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture(autouse=True)
def dishes(transactional_db: None) -> None:
    rows.dishes()


def all_dishes() -> Any:
    return models.Dish.objects.order_by("name", "pk")


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("alias", ["prometheus", "tenants"])
@pytest.mark.parametrize("walk", WALKS)
def test_backends_of_other_packages(alias: str, walk: str) -> None:
    expected = by_django(all_dishes().using(alias))
    assert_same_rows(WALKS[walk](all_dishes().using(alias), 7), expected)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_sees_the_rows_of_its_tenant(walk: str) -> None:
    wrapper: Any = connections["tenants"]
    table = models.Dish._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA other")
        cursor.execute(f"CREATE TABLE other.{table} AS SELECT * FROM public.{table} LIMIT 5")
    try:
        wrapper.set_schema("other")
        assert len(WALKS[walk](all_dishes().using("tenants"), 2)) == 5
        wrapper.set_schema_to_public()
        assert len(WALKS[walk](all_dishes().using("tenants"), 2)) == rows.ROWS
    finally:
        wrapper.set_schema_to_public()
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA other CASCADE")


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_reads_the_database_not_the_cache_of_cacheops(walk: str) -> None:
    rows.cached_rows()
    queryset = models.CachedRow.objects.order_by("pk")
    assert len(queryset) == rows.ROWS
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ecosystem_cachedrow WHERE name = 'row 7'")
    assert len(WALKS[walk](models.CachedRow.objects.order_by("pk"), 7)) == rows.ROWS - 1


def test_a_queryset_of_cacheops_that_changes_itself_is_refused() -> None:
    for start in (chunkqs.stream, chunkqs.keyset_iter, chunkqs.chunks):
        with pytest.raises(TypeError, match="changes itself"):
            start(models.CachedRow.objects.all().inplace())


class DishSerializer(ModelSerializer):
    class Meta:
        model = models.Dish
        fields = ["id", "name"]


def test_a_serializer_takes_lazy_rows() -> None:
    expected = DishSerializer(all_dishes(), many=True).data
    for walk in (all_dishes().stream(), all_dishes().keyset_iter(chunk_size=7)):
        assert DishSerializer(walk, many=True).data == expected
    assert [DishSerializer(chunk, many=True).data for chunk in all_dishes().chunks(rows.ROWS)] == [
        expected
    ]


def test_a_view_with_lazy_rows_sees_rows_that_came_later() -> None:
    class Dishes(ListAPIView):
        queryset = all_dishes().stream()
        serializer_class = DishSerializer
        pagination_class = LimitOffsetPagination
        authentication_classes: list[Any] = []
        permission_classes: list[Any] = []

    def count() -> int:
        response = Dishes.as_view()(APIRequestFactory().get("/", {"limit": 5}))
        assert len(response.data["results"]) == 5
        return int(response.data["count"])

    assert count() == rows.ROWS
    models.Dish.objects.create(name="later")
    assert count() == rows.ROWS + 1


class DishResource(ModelResource):
    class Meta:
        model = models.Dish
        fields = ["id", "name"]


class WalkingResource(DishResource):
    def iter_queryset(self, queryset: Any) -> Iterator[Any]:
        return iter(chunkqs.keyset_iter(queryset, chunk_size=7))


def test_an_export_of_import_export() -> None:
    expected = DishResource().export(all_dishes()).csv
    assert WalkingResource().export(all_dishes()).csv == expected
    parts = [DishResource().export(chunk.queryset).dict for chunk in all_dishes().chunks(7)]
    assert [row for part in parts for row in part] == DishResource().export(all_dishes()).dict


app = Celery("ecosystem", broker=settings.CELERY_BROKER_URL, backend="cache+memory://")
app.conf.task_default_queue = "chunkqs-ecosystem"


@app.task
def walk_on(after: str | None, until_rows: int) -> tuple[list[int], str | None]:
    """Walk so many rows; return their keys, and the token to go on with."""
    walked = all_dishes().keyset_iter(chunk_size=7, after=after)
    keys: list[int] = []
    for row in walked:
        keys.append(row.pk)
        if len(keys) == until_rows:
            break
    return keys, walked.position


@app.task
def stream_all() -> list[int]:
    return [row.pk for row in all_dishes().stream(chunk_size=7)]


@pytest.fixture
def worker() -> Iterator[None]:
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        yield


@pytest.mark.usefixtures("worker")
def test_tasks_of_celery_hand_on_the_token_of_a_walk(nothing_left_open: Leftovers) -> None:
    expected = [row.pk for row in all_dishes()]
    keys: list[int] = []
    token = None
    while len(keys) < len(expected):
        part, token = walk_on.delay(token, 25).get(timeout=30)
        keys += part
    assert keys == expected
    assert stream_all.delay().get(timeout=30) == expected
