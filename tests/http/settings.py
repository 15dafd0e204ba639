"""The suite's settings for a server of its own: on the test database, with downloads."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, database

DATABASES = {"default": {**DATABASES["default"], **database(os.environ["DATABASE_URL"])}}
DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE_NAME"]
DATABASES["default"]["ATOMIC_REQUESTS"] = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.http.downloads"
MIDDLEWARE = [
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "tests.http.plain.wrapping",
]
if "PRIVATE_CONNECTIONS" in os.environ:
    CHUNKQS = {"MAX_PRIVATE_CONNECTIONS": int(os.environ["PRIVATE_CONNECTIONS"])}
