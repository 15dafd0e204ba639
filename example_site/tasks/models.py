from __future__ import annotations

from django.db import models


class Backfill(models.Model):
    """How far a backfill is: saved in the transaction of the work, so that neither is ahead."""

    name = models.CharField(max_length=50, unique=True)
    position = models.TextField(default="", help_text="The token after the last row that is done.")
    rows = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0, help_text="An estimate, for the bar.")
    is_finished = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name
