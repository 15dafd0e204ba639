"""Every type of column that Django has on all databases."""

from __future__ import annotations

from django.db import models
from django.db.models import F

from chunkqs import ChunkedManager


class Colour(models.TextChoices):
    RED = "r"
    GREEN = "g"


class Every(models.Model):
    big = models.BigIntegerField()
    integer = models.IntegerField()
    small = models.SmallIntegerField()
    positive = models.PositiveBigIntegerField()
    decimal = models.DecimalField(max_digits=20, decimal_places=6)
    number = models.FloatField()
    flag = models.BooleanField()
    maybe = models.BooleanField(null=True)
    char = models.CharField(max_length=100)
    choice = models.CharField(max_length=1, choices=Colour.choices)
    text = models.TextField()
    slug = models.SlugField()
    url = models.URLField()
    moment = models.DateTimeField()
    day = models.DateField()
    clock = models.TimeField()
    span = models.DurationField()
    uuid = models.UUIDField()
    address = models.GenericIPAddressField()
    binary = models.BinaryField()
    document = models.JSONField()
    file_path = models.FilePathField(path="/")

    objects = ChunkedManager()


class Picture(models.Model):
    """Files: fields with descriptors, one of which writes into other fields."""

    attachment = models.FileField(upload_to="attachments")
    image = models.ImageField(
        upload_to="images", width_field="width", height_field="height", null=True
    )
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    bare_image = models.ImageField(upload_to="images")

    objects = ChunkedManager()


class Derived(models.Model):
    """Columns that the database computes."""

    price = models.IntegerField()
    pieces = models.IntegerField()
    total = models.GeneratedField(
        expression=F("price") * F("pieces"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    noted_at = models.DateTimeField(db_default=models.functions.Now())

    objects = ChunkedManager()
