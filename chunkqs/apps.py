"""The optional app: in INSTALLED_APPS it adds system checks and `manage.py export`."""

from __future__ import annotations

from django.apps import AppConfig


class ChunkqsConfig(AppConfig):
    """Register the system checks."""

    name = "chunkqs"
    verbose_name = "chunkqs"

    def ready(self) -> None:
        """Register the checks once the models are loaded."""
        from . import checks

        checks.register()
