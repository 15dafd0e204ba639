"""Relations: to oneself, to many, generic."""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from chunkqs import ChunkedManager


class Category(models.Model):
    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")

    objects = ChunkedManager()


class Author(models.Model):
    name = models.CharField(max_length=50)

    objects = ChunkedManager()


class Label(models.Model):
    name = models.CharField(max_length=50)

    objects = ChunkedManager()

    class Meta:
        ordering = ["id"]


class Article(models.Model):
    """Its columns are named as those of the tables that it is joined to."""

    name = models.CharField(max_length=50)
    author = models.ForeignKey(Author, models.CASCADE, related_name="articles")
    editor = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="edited")
    category = models.ForeignKey(Category, models.CASCADE, related_name="articles")
    labels = models.ManyToManyField(Label, related_name="articles")
    similar = models.ManyToManyField("self")
    notes = GenericRelation("Note")
    remarks = GenericRelation("Remark")

    objects = ChunkedManager()

    class Meta:
        ordering = ["id"]


class Note(models.Model):
    text = models.CharField(max_length=50)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.BigIntegerField()
    about = GenericForeignKey()

    objects = ChunkedManager()

    class Meta:
        ordering = ["id"]


class Remark(Note):
    """A child whose relation is that of its parent's table."""

    tone = models.CharField(max_length=50)
