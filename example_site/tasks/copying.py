"""A table copied into another database, a chunk at a time."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from chunkqs import chunks

from .models import Backfill


def copy(queryset: QuerySet[Any], target: str, size: int = 5000) -> int:
    """Copy the rows into the database `target`; return how many that were this time.

    The position is saved there along with the rows, so that a copy which was stopped goes on
    where it was, and has each row once.
    """
    model = queryset.model
    name = f"copy of {model._meta.label_lower}"[:50]
    record, _ = Backfill.objects.using(target).get_or_create(name=name)
    copied = 0
    for chunk in chunks(queryset.order_by("pk"), size, after=record.position or None):
        with transaction.atomic(using=target):
            model._base_manager.using(target).bulk_create(chunk)
            record.position, record.rows = chunk.position, record.rows + len(chunk)
            record.save(using=target)
        copied += len(chunk)
    return copied
