"""Primary keys that are not a counter."""

from __future__ import annotations

import uuid

from django.db import models

from chunkqs import ChunkedManager
from tests.support.models.plain import User


class Uuid(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)

    objects = ChunkedManager()


class Worded(models.Model):
    """Text as primary key, under a column name of its own."""

    code = models.CharField(max_length=20, primary_key=True, db_column="the code")
    name = models.CharField(max_length=50, db_column="the name")

    objects = ChunkedManager()


class Composite(models.Model):
    pk = models.CompositePrimaryKey("tenant", "number")
    tenant = models.IntegerField()
    number = models.IntegerField()
    name = models.CharField(max_length=50)

    objects = ChunkedManager()


class CompositePart(models.Model):
    """A foreign key inside of a composite primary key, and one onto such a key."""

    pk = models.CompositePrimaryKey("user", "line")
    user = models.ForeignKey(User, models.CASCADE)
    line = models.IntegerField()
    tenant = models.IntegerField()
    number = models.IntegerField()
    whole = models.ForeignObject(
        Composite,
        models.CASCADE,
        from_fields=["tenant", "number"],
        to_fields=["tenant", "number"],
        related_name="parts",
    )

    objects = ChunkedManager()


class Profile(models.Model):
    """A one-to-one relation as primary key."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True)
    motto = models.CharField(max_length=50)

    objects = ChunkedManager()


class Badge(models.Model):
    """A foreign key as primary key, onto a model whose own key is a relation."""

    profile = models.ForeignKey(Profile, models.CASCADE, primary_key=True)
    text = models.CharField(max_length=50)

    objects = ChunkedManager()


class Member(models.Model):
    """A relation to a unique column that is not the primary key."""

    unique_name = models.CharField(max_length=50, unique=True)
    sponsor = models.ForeignKey("self", models.CASCADE, to_field="unique_name", null=True)

    objects = ChunkedManager()
