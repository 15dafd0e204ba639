"""The tests of this folder need other people's packages: `nox --session ecosystem` runs them."""

from __future__ import annotations

from django.conf import settings

if not getattr(settings, "ECOSYSTEM", False):
    collect_ignore_glob = ["*"]
