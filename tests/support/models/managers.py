"""The mixins on managers and QuerySet classes that know nothing of chunkqs."""

from __future__ import annotations

from typing import Any, Self

from django.db import models

from chunkqs import (
    ChunkedManager,
    ChunkedManagerMixin,
    ChunkedQuerySet,
    ChunkedQuerySetMixin,
)


class ForeignQuerySet(models.QuerySet):
    """Stands for the QuerySet class of some other library."""

    def visible(self) -> Self:
        return self.filter(hidden=False)


class ForeignManager(models.Manager.from_queryset(ForeignQuerySet)):  # type: ignore[misc]
    """Stands for the manager of some other library."""

    def get_queryset(self) -> ForeignQuerySet:
        return super().get_queryset().annotate(twice=models.F("number") * 2)


class ChunkedForeignQuerySet(ChunkedQuerySetMixin, ForeignQuerySet):
    pass


class ChunkedForeignManager(ChunkedManagerMixin, ForeignManager):
    pass


class OwnQuerySet(ChunkedQuerySet):
    def visible(self) -> Self:
        return self.filter(hidden=False)


class HidingManager(ChunkedManager):
    def get_queryset(self) -> ChunkedQuerySet[Any, Any]:
        return super().get_queryset().filter(hidden=False)


class Numbered(models.Model):
    number = models.IntegerField()
    hidden = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Plain(Numbered):
    """A model of someone else: a plain manager."""


class Hiding(Numbered):
    objects = HidingManager()
    everything = models.Manager()


class FromQuerySet(Numbered):
    objects = ChunkedManager.from_queryset(OwnQuerySet)()


class AsManager(Numbered):
    objects = OwnQuerySet.as_manager()


class Foreign(Numbered):
    objects = ChunkedForeignManager()
    from_mixin = ChunkedForeignQuerySet.as_manager()
