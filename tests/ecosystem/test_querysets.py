"""Every walk over the querysets of other packages yields what a loop over them yields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import Page

import chunkqs
from tests.ecosystem import models, rows
from tests.support.oracle import assert_same_rows
from tests.support.ways import CHUNK_SIZES, TRANSACTIONS, WALKS, by_django


@pytest.fixture(scope="module", autouse=True)
def committed_rows(committed_db: None) -> None:
    for make in (
        rows.projects,
        rows.polls,
        rows.vehicles,
        rows.forgotten,
        rows.branches,
        rows.dishes,
        rows.cached_rows,
        rows.pages,
    ):
        make()


FORMS: dict[str, Callable[[], Any]] = {
    "polymorphic": lambda: models.Project.objects.order_by("topic", "pk"),
    "polymorphic, one class": lambda: models.ArtProject.objects.order_by("pk"),
    "polymorphic, instance_of": lambda: models.Project.objects.instance_of(
        models.ResearchProject
    ).order_by("-pk"),
    "polymorphic, annotated": lambda: models.Project.objects.annotate(more=F("pk")).order_by("pk"),
    "polymorphic, non_polymorphic": lambda: models.Project.objects.non_polymorphic().order_by("pk"),
    "polymorphic, values": lambda: models.Project.objects.order_by("pk").values("pk", "topic"),
    "model-utils, subclasses": lambda: models.Vehicle.objects.select_subclasses().order_by(
        "name", "pk"
    ),
    "model-utils, one subclass": lambda: models.Vehicle.objects.select_subclasses(
        models.Car
    ).order_by("pk"),
    "model-utils, no subclasses": lambda: models.Vehicle.objects.order_by("pk"),
    "model-utils, soft deletable": lambda: models.Forgotten.available_objects.order_by("pk"),
    "simple-history": lambda: models.Poll.history.order_by("history_id"),
    "simple-history, latest": lambda: models.Poll.history.latest_of_each().order_by("history_id"),
    "taggit, filter": lambda: models.Dish.objects.filter(tags__name__in=["hot", "sweet"]).order_by(
        "pk"
    ),
    "taggit, distinct": lambda: models.Dish.objects.filter(
        tags__name__in=["hot", "sweet"]
    ).distinct(),
    "taggit, prefetch": lambda: models.Dish.objects.order_by("pk").prefetch_related("tags"),
    "taggit, order": lambda: models.Dish.objects.filter(tags__isnull=False).order_by(
        "tags__name", "pk"
    ),
    "taggit, count": lambda: models.Dish.objects.annotate(n=Count("tags")).order_by("-n", "pk"),
    "taggit, similar": lambda: models.Dish.objects.exclude(tags__name="hot").order_by("pk"),
    "cacheops": lambda: models.CachedRow.objects.nocache().order_by("pk"),
    "tree-queries, without": lambda: models.Branch.objects.without_tree_fields().order_by("pk"),
    "tree-queries": lambda: models.Branch.objects.with_tree_fields().extra(
        order_by=["__tree.tree_ordering"]
    ),
    "tree-queries, children": lambda: models.Branch.objects.get(name="bough 1").children.order_by(
        "pk"
    ),
    "wagtail": lambda: Page.objects.order_by("path"),
    "wagtail, specific": lambda: Page.objects.specific().order_by("path"),
    "wagtail, specific, live": lambda: Page.objects.live().specific().order_by("-title", "pk"),
    "wagtail, specific, annotated": lambda: (
        Page.objects.annotate(more=F("pk")).specific().order_by("path")
    ),
    "wagtail, specific, deferred": lambda: Page.objects.specific(defer=True).order_by("path"),
    "wagtail, children": lambda: Page.objects.get(slug="index-1").get_children().specific(),
}
#: Those that a walk by keyset refuses, as their order is not to be compared.
STREAM_ONLY = {"tree-queries"}


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("form", FORMS)
def test_rows_are_those_of_djangos_iteration(form: str, walk: str, chunk_size: int | None) -> None:
    build = FORMS[form]
    expected = by_django(build())
    assert expected
    for transaction in TRANSACTIONS.values():
        with transaction():
            if walk != "stream" and form in STREAM_ONLY:
                with pytest.raises(chunkqs.KeysetError, match="extra"):
                    WALKS[walk](build(), chunk_size)
            else:
                assert_same_rows(WALKS[walk](build(), chunk_size), expected)


@pytest.mark.parametrize("walk", WALKS)
def test_rows_of_simple_history_as_of_are_instances(walk: str) -> None:
    when = timezone.now()
    build = lambda: models.Poll.history.as_of(when).order_by("history_id")  # noqa: E731
    expected = by_django(build())
    assert type(expected[0]) is models.Poll
    for chunk_size in CHUNK_SIZES:
        got = WALKS[walk](build(), chunk_size)
        assert [type(row) for row in got] == [type(row) for row in expected]
        assert [(row.pk, row.question) for row in got] == [
            (row.pk, row.question) for row in expected
        ]


def test_a_chunk_of_simple_history_agrees_with_its_queryset() -> None:
    for chunk in chunkqs.chunks(models.Poll.history.as_of(timezone.now()), 7):
        assert [(type(row), row.pk) for row in chunk.queryset] == [
            (type(row), row.pk) for row in chunk
        ]


@pytest.mark.parametrize("form", ["polymorphic", "wagtail, specific", "model-utils, subclasses"])
def test_a_walk_resumes_in_the_middle_of_a_batch(form: str) -> None:
    build = FORMS[form]
    expected = [row.pk for row in by_django(build())]
    for stop in (1, 7, 10, 33):
        walked = chunkqs.keyset_iter(build(), chunk_size=10)
        seen = []
        for row in walked:
            seen.append(row.pk)
            if len(seen) == stop:
                break
        rest = [row.pk for row in chunkqs.keyset_iter(build(), after=walked.position)]
        assert seen + rest == expected


def test_polymorphic_takes_as_many_queries_as_in_django() -> None:
    for n in range(3000):
        kind = (models.ArtProject, models.ResearchProject)[n % 2]
        kind.objects.create(topic="many")
    build = lambda: models.Project.objects.filter(topic="many").order_by("pk")  # noqa: E731
    with CaptureQueriesContext(connection) as djangos:
        list(build().iterator())
    for walk in (chunkqs.stream, chunkqs.keyset_iter):
        with CaptureQueriesContext(connection) as ours:
            assert sum(1 for _ in walk(build())) == 3000
        # Blocks grow to 2,000 rows by and by, and the session and the end are looked up.
        assert len(ours) <= len(djangos) + 15
    build().delete()


def test_wagtails_derived_query_is_not_run_again_for_each_chunk() -> None:
    with CaptureQueriesContext(connection) as queries:
        list(iter(chunkqs.keyset_iter(Page.objects.specific().order_by("path"), chunk_size=10)))
    derived = [q["sql"] for q in queries if "content_type_id" in q["sql"] and "path" in q["sql"]]
    assert derived
    assert all("WHERE" in sql or "LIMIT" in sql for sql in derived)
