"""Multi-table children, proxies and abstract parents."""

from __future__ import annotations

from typing import Any

from django.db import models

from chunkqs import ChunkedManager, ChunkedModelMixin, ChunkedQuerySet


class Place(models.Model):
    name = models.CharField(max_length=50)

    objects = ChunkedManager()


class Restaurant(Place):
    stars = models.IntegerField()

    objects = ChunkedManager()


class Pub(Restaurant):
    beer = models.CharField(max_length=50)
    partner = models.ForeignKey(Place, models.SET_NULL, null=True, related_name="partners")

    objects = ChunkedManager()


class CurrentAccount(models.Model):
    owner = models.CharField(max_length=50)
    closed = models.BooleanField()

    objects = ChunkedManager()


class ClosedManager(ChunkedManager):
    def get_queryset(self) -> ChunkedQuerySet[Any, Any]:
        return super().get_queryset().filter(closed=True)


class ClosedAccount(CurrentAccount):
    objects = ClosedManager()

    class Meta:
        proxy = True

    @property
    def shown(self) -> str:
        return f"{self.owner} (closed)"


class Stamped(ChunkedModelMixin):
    made_at = models.DateTimeField()

    class Meta:
        abstract = True


class Tagged(Stamped):
    """Its manager and one of its columns come from abstract parents."""

    tag = models.CharField(max_length=50)
