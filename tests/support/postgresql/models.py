"""Arrays, ranges, and NULLs in an index where the database would not put them."""

from __future__ import annotations

from django.contrib.postgres import fields
from django.db import models
from django.db.models import F

from chunkqs import ChunkedManager


class Ranged(models.Model):
    numbers = fields.ArrayField(models.IntegerField())
    grid = fields.ArrayField(fields.ArrayField(models.CharField(max_length=10)), null=True)
    moments = fields.ArrayField(models.DateTimeField(), default=list)
    integers = fields.IntegerRangeField()
    decimals = fields.DecimalRangeField(null=True)
    dates = fields.DateRangeField()
    times = fields.DateTimeRangeField()

    objects = ChunkedManager()


class NullsFirst(models.Model):
    number = models.IntegerField(null=True)

    objects = ChunkedManager()

    class Meta:
        indexes = [
            models.Index(F("number").asc(nulls_first=True), F("id"), name="nulls_first"),
        ]
