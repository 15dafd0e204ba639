"""The plain case: eight columns, a foreign key, and the same with NULLs."""

from __future__ import annotations

from django.db import models

from chunkqs import ChunkedManager


class User(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField()
    active = models.BooleanField(default=True)

    objects = ChunkedManager()


class Event(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    kind = models.CharField(max_length=20)
    path = models.CharField(max_length=200)
    status = models.PositiveSmallIntegerField()
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    succeeded = models.BooleanField()
    created_at = models.DateTimeField()

    objects = ChunkedManager()

    class Meta:
        indexes = [
            models.Index(fields=["created_at", "id"]),
            models.Index(fields=["kind", "id"]),
        ]


class Nullable(models.Model):
    user = models.ForeignKey(User, models.SET_NULL, null=True)
    number = models.IntegerField(null=True)
    text = models.CharField(max_length=50, null=True)
    moment = models.DateTimeField(null=True)

    objects = ChunkedManager()
