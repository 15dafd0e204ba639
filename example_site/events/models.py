from __future__ import annotations

from django.db import models

from chunkqs import ChunkedManager, ChunkedQuerySet


class User(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)

    def __str__(self) -> str:
        return self.name


class EventQuerySet(ChunkedQuerySet["Event"]):
    def of_kind(self, kind: str | None) -> EventQuerySet:
        """Return the events of a kind; all of them where it is none."""
        return self.filter(kind=kind) if kind in Event.Kind.values else self.all()


class Event(models.Model):
    """What a user did in a shop; ten million of them are a small year."""

    class Kind(models.TextChoices):
        VIEW = "view"
        CLICK = "click"
        SEARCH = "search"
        PURCHASE = "purchase"

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    path = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    duration_ms = models.IntegerField()
    amount = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    created_at = models.DateTimeField(db_index=True)

    objects = ChunkedManager.from_queryset(EventQuerySet)()

    class Meta:
        indexes = [models.Index(fields=["amount", "id"], name="event_amount")]

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"
