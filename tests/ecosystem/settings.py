"""Settings of the tests with other people's packages: those of the suite, and their apps."""

from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS, env

ECOSYSTEM = True

APPS = [
    "cacheops",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_prometheus",
    "import_export",
    "modelcluster",
    "polymorphic",
    "rest_framework",
    "silk",
    "simple_history",
    "taggit",
    "tree_queries",
    "wagtail",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.users",
    "tests.ecosystem",
]
INSTALLED_APPS = list(dict.fromkeys([*INSTALLED_APPS, *APPS]))
#: Tables are made from the models, in one step.
MIGRATION_MODULES = {app.rpartition(".")[2]: None for app in INSTALLED_APPS} | {
    "wagtailcore": None,
    "wagtaildocs": None,
    "wagtailimages": None,
    "wagtailsearch": None,
    "wagtailusers": None,
}

IS_POSTGRESQL = DATABASES["default"]["ENGINE"].endswith("postgresql")
if IS_POSTGRESQL:
    # The same database, through the backends of other packages.
    mirror: dict[str, Any] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}
    DATABASES["prometheus"] = {**mirror, "ENGINE": "django_prometheus.db.backends.postgresql"}
    DATABASES["tenants"] = {**mirror, "ENGINE": "django_tenants.postgresql_backend"}

CACHEOPS_REDIS = env.str("REDIS_URL", "redis://127.0.0.1:6379/9")
CACHEOPS = {"ecosystem.cachedrow": {"ops": "all", "timeout": 60}}
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//")
POLYMORPHIC_WARN = False
ROOT_URLCONF = "tests.ecosystem.urls"
WAGTAIL_SITE_NAME = "ecosystem"
WAGTAILADMIN_BASE_URL = "http://localhost"
TENANT_MODEL = "ecosystem.Tenant"
TENANT_DOMAIN_MODEL = "ecosystem.Domain"
