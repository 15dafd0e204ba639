"""Models to order by: ties, NULLs and every type of column; and one deep table."""

from __future__ import annotations

from enum import Enum
from typing import Any

from django.db import models
from django.db.models import F, UniqueConstraint
from django.db.models.functions import Lower

from chunkqs import ChunkedManager


class State(Enum):
    """Its values are in another order than its members."""

    OPEN = "o"
    HELD = "h"
    SHUT = "s"


class StateField(models.CharField):
    """A custom field with converters: members in Python, their values in the database."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> State | None:
        return None if value is None else State(value)

    def to_python(self, value: Any) -> State | None:
        return value if value is None or isinstance(value, State) else State(value)

    def get_prep_value(self, value: Any) -> str | None:
        return value.value if isinstance(value, State) else value


class Owner(models.Model):
    name = models.CharField(max_length=20, null=True)
    rank = models.IntegerField(null=True)

    objects = ChunkedManager()

    class Meta:
        ordering = ["-rank", Lower("name")]


class Ranked(models.Model):
    owner = models.ForeignKey(Owner, models.CASCADE, null=True, related_name="ranked")
    name = models.CharField(max_length=20)
    number = models.IntegerField()
    maybe = models.IntegerField(null=True)
    amount = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    ratio = models.FloatField(null=True)
    text = models.TextField(null=True)
    moment = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    clock = models.TimeField(null=True)
    span = models.DurationField(null=True)
    flag = models.BooleanField(null=True)
    code = models.UUIDField(null=True)
    data = models.BinaryField(null=True, max_length=20)
    state = StateField(max_length=1, null=True)
    document = models.JSONField(default=dict)

    objects = ChunkedManager()

    class Meta:
        indexes = [
            models.Index(fields=["name", "maybe"], name="ranked_maybe"),
            models.Index(fields=["name", "-moment"], name="ranked_moment"),
        ]


class Unique(models.Model):
    """Sets of columns that make an order total, and some that only seem to."""

    code = models.IntegerField(unique=True)
    loose = models.IntegerField(unique=True, null=True)
    a = models.IntegerField()
    b = models.IntegerField()
    c = models.IntegerField()
    d = models.IntegerField(null=True)

    objects = ChunkedManager()

    class Meta:
        unique_together = [("a", "b"), ("a", "d")]
        constraints = [
            UniqueConstraint(fields=["b", "c"], name="tests_unique_b_c"),
            UniqueConstraint(fields=["c"], condition=models.Q(a=1), name="tests_unique_c"),
        ]


class Deep(models.Model):
    """A table of many rows, with an index for each class of order."""

    kind = models.CharField(max_length=5)
    few = models.IntegerField(null=True)
    number = models.IntegerField()
    maybe = models.IntegerField(null=True)
    name = models.CharField(max_length=20)
    moment = models.DateTimeField()

    objects = ChunkedManager()

    class Meta:
        indexes = [
            models.Index(fields=["number", "id"], name="deep_number"),
            models.Index(fields=["kind", "id"], name="deep_ties"),
            models.Index(fields=["kind", "number", "id"], name="deep_kind"),
            models.Index(fields=["kind", "-number", "-id"], name="deep_mixed"),
            models.Index(fields=["maybe", "id"], name="deep_maybe"),
            models.Index(fields=["few", "-number", "-id"], name="deep_few"),
            models.Index(fields=["kind", "-few", "number", "-id"], name="deep_four"),
            models.Index(Lower("name"), F("id"), name="deep_name"),
        ]


class DeepPart(models.Model):
    """A deep table under a composite primary key."""

    pk = models.CompositePrimaryKey("tenant", "number")
    tenant = models.IntegerField()
    number = models.IntegerField()

    objects = ChunkedManager()


class Indexed(models.Model):
    """Indexes of many kinds, for orders that they fit and orders that they don't."""

    class Kind(models.TextChoices):
        GOOD = "g"
        BAD = "b"

    kind = models.CharField(max_length=1, choices=Kind.choices, default=Kind.GOOD)
    is_open = models.BooleanField(default=False, db_index=True)
    owner = models.ForeignKey(Owner, models.CASCADE, null=True)
    a = models.IntegerField(default=0)
    b = models.IntegerField(default=0)
    c = models.IntegerField(default=0)
    d = models.IntegerField(null=True)
    e = models.IntegerField(default=0, unique=True)
    name = models.CharField(max_length=20, default="")

    objects = ChunkedManager()

    class Meta:
        indexes = [
            models.Index(fields=["a", "b"], name="indexed_a_b"),
            models.Index(fields=["kind", "-b", "-id"], name="indexed_kind_b"),
            models.Index(fields=["c"], condition=models.Q(a=1), name="indexed_c_of_a"),
            models.Index(Lower("name").desc(), name="indexed_name"),
        ]


class IndexedProxy(Indexed):
    class Meta:
        proxy = True


class SingleField(models.FloatField):
    """A float of 4 bytes, of which the database shows less than it compares."""

    def db_type(self, connection: Any) -> str:
        return "float" if connection.vendor == "mysql" else "real"


class Awkward(models.Model):
    """Values that sort, compare or show in ways of their own."""

    text = models.TextField(default="")
    name = models.CharField(max_length=400, default="")
    data = models.BinaryField(default=b"")
    single = SingleField(default=0)

    objects = ChunkedManager()


class Checked(models.Model):
    """A constraint whose SQL has a list in it."""

    kind = models.IntegerField()
    name = models.CharField(max_length=20)

    objects = ChunkedManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=[1, 2, 3]), name="checked_kind")
        ]
