"""The app, which is never needed: with it in INSTALLED_APPS, `manage.py check` looks at chunkqs."""

from __future__ import annotations

from django.apps import AppConfig


class ChunkqsConfig(AppConfig):
    """Registers the system checks."""

    name = "chunkqs"
    verbose_name = "chunkqs"

    def ready(self) -> None:
        """Register them, now that the models are there."""
        from . import checks

        checks.register()
