"""The model mixin. Importing this module needs Django's apps, as every model does."""

from __future__ import annotations

from django.db import models

from .queryset import ChunkedManager


class ChunkedModelMixin(models.Model):
    """An abstract model whose `objects` is a ChunkedManager."""

    objects = ChunkedManager()

    class Meta:
        abstract = True
