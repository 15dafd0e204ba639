"""Rows of the models that other packages shape."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from wagtail.coreutils import get_supported_content_language_variant
from wagtail.models import Locale, Page

from tests.ecosystem import models

ROWS = 60


def projects() -> None:
    for n in range(ROWS):
        kind: Any = (models.Project, models.ArtProject, models.ResearchProject)[n % 3]
        own: dict[str, str] = ({}, {"artist": f"a {n}"}, {"supervisor": f"s {n}"})[n % 3]
        kind.objects.create(topic=f"topic {n % 7}", **own)


def polls() -> None:
    for n in range(ROWS):
        poll = models.Poll.objects.create(question=f"first {n}")
        poll.question = f"second {n}"
        poll.save()
        if n % 5 == 0:
            poll.delete()


def vehicles() -> None:
    for n in range(ROWS // 2):
        models.Car.objects.create(name=f"car {n}", doors=n % 5)
        models.Boat.objects.create(name=f"boat {n}", masts=n % 3)


def forgotten() -> None:
    models.Forgotten.available_objects.bulk_create(
        models.Forgotten(name=f"row {n}", is_removed=n % 4 == 0) for n in range(ROWS)
    )


def branches() -> None:
    root = models.Branch.objects.create(name="root")
    for n in range(ROWS // 6):
        bough = models.Branch.objects.create(name=f"bough {n}", parent=root)
        for m in range(5):
            models.Branch.objects.create(name=f"twig {n}.{m}", parent=bough)


def dishes() -> None:
    for n in range(ROWS):
        dish = models.Dish.objects.create(name=f"dish {n}")
        dish.tags.add(*["hot", "sweet", "sour"][: n % 4])


def cached_rows() -> None:
    models.CachedRow.objects.bulk_create(models.CachedRow(name=f"row {n}") for n in range(ROWS))


def pages() -> None:
    Locale.objects.create(
        language_code=get_supported_content_language_variant(settings.LANGUAGE_CODE)
    )
    root = Page.add_root(title="root", slug="root")
    for n in range(ROWS // 6):
        index = root.add_child(instance=models.IndexPage(title=f"index {n}", intro=f"intro {n}"))
        for m in range(5):
            index.add_child(
                instance=models.ArticlePage(title=f"article {n}.{m}", body="text", live=m % 4 > 0)
            )
