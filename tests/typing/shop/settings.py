"""Settings of the project that the type checkers are run over."""

from __future__ import annotations

SECRET_KEY = "shop"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
AUTH_USER_MODEL = "shop.Person"
