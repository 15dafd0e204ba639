"""The model mixin. Importing this module needs Django's apps to be loaded, like every model."""

from __future__ import annotations

from django.db import models

from .queryset import ChunkedManager


class ChunkedModelMixin(models.Model):
    """An abstract model whose `objects` is a ChunkedManager."""

    objects = ChunkedManager()

    class Meta:
        abstract = True
