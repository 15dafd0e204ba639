"""The tables beside the example site's events: many columns, and large values."""

from __future__ import annotations

from typing import Any

from django.db import models

from chunkqs import ChunkedManager

INTEGERS, TEXTS, BOOLEANS, TIMESTAMPS = 16, 13, 8, 2  # with the primary key: 40 columns


class Large(models.Model):
    """A row of one megabyte."""

    document = models.TextField()

    objects = ChunkedManager()


def columns() -> dict[str, models.Field[Any, Any]]:
    return {
        **{f"number_{n}": models.IntegerField() for n in range(INTEGERS)},
        **{f"text_{n}": models.CharField(max_length=40) for n in range(TEXTS)},
        **{f"flag_{n}": models.BooleanField() for n in range(BOOLEANS)},
        **{f"moment_{n}": models.DateTimeField() for n in range(TIMESTAMPS)},
    }


Wide = type(
    "Wide",
    (models.Model,),
    {"__module__": __name__, "objects": ChunkedManager(), **columns()},
)
