"""Models that come with an order."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.functions import Lower

from chunkqs import ChunkedManager


class OrderedByField(models.Model):
    rank = models.IntegerField()
    name = models.CharField(max_length=50)

    objects = ChunkedManager()

    class Meta:
        ordering = ["-rank", "name"]


class OrderedByExpression(models.Model):
    name = models.CharField(max_length=50)

    objects = ChunkedManager()

    class Meta:
        ordering = [Lower("name").desc()]


class OrderedByNulls(models.Model):
    rank = models.IntegerField(null=True)

    objects = ChunkedManager()

    class Meta:
        ordering = [F("rank").desc(nulls_last=True)]
