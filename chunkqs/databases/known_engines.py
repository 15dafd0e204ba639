"""Which database engines set a session up as Django's own do."""

from __future__ import annotations

from collections.abc import Collection

from django.db.backends.base.base import BaseDatabaseWrapper

from ..django_internals.wrapper_methods import overrides
from ..settings import chunkqs_settings
from .session import SessionMismatch

#: Classes of other packages that replace methods which take part in setting a session up, but
#: leave the session as it is. They were read in these versions: django-prometheus 2.5 (counts
#: and times), django-postgres-extra 3.0 (replaces ops), django-db-geventpool 4.0 (a pool).
READ_CLASSES = {
    "django_prometheus.db.common.DatabaseWrapperMixin",
    "django_prometheus.db.backends.postgresql.base.DatabaseWrapper",
    "django_prometheus.db.backends.postgis.base.DatabaseWrapper",
    "django_prometheus.db.backends.mysql.base.DatabaseWrapper",
    "psqlextra.backend.base.DatabaseWrapper",
    "django_db_geventpool.backends.base.DatabaseWrapperMixin",
    "django_db_geventpool.backends.postgresql_psycopg2.base.DatabaseWrapper",
    "django_db_geventpool.backends.postgresql_psycopg3.base.DatabaseWrapper",
    "django_db_geventpool.backends.postgis.base.DatabaseWrapper",
}


def refuse_unknown_engine(connection: BaseDatabaseWrapper) -> None:
    """Raise SessionMismatch where the engine may set its sessions up in its own way."""
    engine = type(connection)
    vouched = chunkqs_settings().trusted_engines
    name = engine_name(connection)
    if name in vouched:
        return
    if replaced := overrides(engine, _trusted_classes(engine, vouched)):
        raise SessionMismatch(
            f"the engine {name!r} may set up its sessions in its own way, by",
            ", ".join(replaced),
            remedy=(
                "If it sets no tenant, role or variable there, vouch for it in the settings: "
                f"CHUNKQS = {{'TRUSTED_ENGINES': [{name!r}]}}."
            ),
        )


def engine_name(connection: BaseDatabaseWrapper) -> str:
    """Return the engine's name as DATABASES has it."""
    name = str(connection.settings_dict["ENGINE"])
    return (
        name
        if not name.startswith("django.")
        else type(connection).__module__.removesuffix(".base")
    )


def _trusted_classes(engine: type, vouched: Collection[str]) -> set[type]:
    """Return the classes of an engine that were read, and what is vouched for, as a whole."""
    trusted: set[type] = set()
    for one in engine.__mro__:
        if f"{one.__module__}.{one.__qualname__}" in READ_CLASSES:
            trusted.add(one)
        if one.__name__ == "DatabaseWrapper" and one.__module__.removesuffix(".base") in vouched:
            trusted.update(one.__mro__)
    return trusted
