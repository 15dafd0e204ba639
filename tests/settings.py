"""Settings of the test suite: one variable, DATABASE_URL, picks the database.

Without it the suite runs on an embedded PostgreSQL, which `tests.support.databases`
starts for the session when the first test asks for a database. TEST_DRIVER names the one
driver that may be imported, where several are installed.
"""

import sys
from pathlib import Path
from typing import Any

from environ import Env

EMBEDDED = "postgres://postgres@/chunkqs"
DRIVERS = {
    "psycopg2": ["psycopg2"],
    "psycopg": ["psycopg", "psycopg_pool"],
    "mysql": ["MySQLdb"],
    "sqlite": [],
}
env = Env()


def hide_drivers(but: str) -> None:
    """Let imports of the other drivers fail, as if they were not installed."""
    for driver, modules in DRIVERS.items():
        if driver != but:
            sys.modules.update(dict.fromkeys(modules))  # type: ignore[arg-type]


if driver := env.str("TEST_DRIVER", ""):
    hide_drivers(but=driver)


def database(url: str) -> dict[str, Any]:
    config: dict[str, Any] = dict(Env.db_url_config(url))
    config["TEST"] = {}
    if config["ENGINE"].endswith("sqlite3"):
        # A file, since a database in memory is a different one in each thread.
        path = Path(config["NAME"]).resolve()  # wherever a test goes
        config["TEST"]["NAME"] = str(path.with_name(f"test_{path.name}"))
        config["OPTIONS"] = {"timeout": 20}
    if config["ENGINE"].endswith("mysql"):
        config["TEST"]["CHARSET"] = "utf8mb4"
        # A statement that waits for a lock shall fail, not hang the suite.
        config["OPTIONS"] = {"init_command": "SET lock_wait_timeout = 5"}
    return config


USES_EMBEDDED = "DATABASE_URL" not in env.ENVIRON
DATABASES = {"default": database(env.str("DATABASE_URL", EMBEDDED))}
DATABASES["replica"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "chunkqs",
    "tests.support",
]
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    INSTALLED_APPS += ["django.contrib.postgres", "tests.support.postgresql"]
# Tables of apps without migrations are made first, and point to those of contenttypes.
MIGRATION_MODULES = dict.fromkeys(["admin", "auth", "contenttypes", "sessions"])

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "only for tests"
USE_TZ = True
# MariaDB converts to a zone only after the zones' tables were loaded into it.
TIME_ZONE = "UTC" if "mysql" in DATABASES["default"]["ENGINE"] else "Europe/Vienna"

ROOT_URLCONF = "tests.support.urls"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
STATIC_URL = "static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
