"""Models as a project has them: managers of every kind."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from chunkqs import ChunkedManager, ChunkedManagerMixin, ChunkedModelMixin, ChunkedQuerySet


class Plain(models.Model):
    objects = models.Manager["Plain"]()


class Event(models.Model):
    kind = models.CharField(max_length=10)
    created_at = models.DateTimeField()
    objects = ChunkedManager()


class Mixed(ChunkedModelMixin):
    pass


class VisitQuerySet(ChunkedQuerySet["Visit"]):
    def recent(self) -> VisitQuerySet:
        return self.filter(pk__gt=1)


class Visit(models.Model):
    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    objects = VisitQuerySet.as_manager()


class OrderQuerySet(ChunkedQuerySet["Order"]):
    def paid(self) -> OrderQuerySet:
        return self.filter(pk__gt=1)


OrderManagerBase = models.Manager.from_queryset(OrderQuerySet)


class OrderManager(ChunkedManagerMixin, OrderManagerBase["Order"]):  # pyright: ignore
    def own(self) -> int:
        return self.count()


class Order(models.Model):
    objects = OrderManager()


class ThingManager(ChunkedManager["Thing"]):
    def own(self) -> int:
        return self.count()


class Thing(models.Model):
    objects = ThingManager()
    annotated: ChunkedManager[Thing] = ChunkedManager()
    given = ChunkedManager["Thing"]()


class PersonManager(ChunkedManager["Person"], UserManager["Person"]):
    pass


class Person(AbstractUser):
    objects: ClassVar[PersonManager] = PersonManager()  # pyright: ignore
