"""The settings of a process that fills tables or measures: one database, one driver.

BENCH_DATABASE_URL names the database. Django takes psycopg 3 where both drivers are installed,
so BENCH_DRIVER=psycopg2 hides it.
"""

from __future__ import annotations

import os
import sys

import environ

if os.environ.get("BENCH_DRIVER") == "psycopg2":
    sys.modules["psycopg"] = None  # type: ignore[assignment]

DATABASES = {"default": environ.Env.db_url_config(os.environ["BENCH_DATABASE_URL"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["example_site.events", "benchmarks"]
SECRET_KEY = "only for the benchmarks"
USE_TZ = True
TIME_ZONE = "UTC"
