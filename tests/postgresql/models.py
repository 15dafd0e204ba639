"""Arrays, ranges and hstore's siblings, which only PostgreSQL has."""

from __future__ import annotations

from django.contrib.postgres import fields
from django.db import models

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
