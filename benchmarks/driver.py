"""A connection by the driver that Django uses, without anything of Django's."""

from __future__ import annotations

from typing import Any

from django.db import connection


def driver_connection() -> Any:
    """Connect to the database that Django is connected to."""
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    given = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    parameters = {name: given[name] for name in names if given.get(name)}
    if is_psycopg3:
        import psycopg

        return psycopg.connect(**parameters)
    import psycopg2

    return psycopg2.connect(**parameters)
