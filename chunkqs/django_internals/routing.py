"""Which database a queryset reads, and what is known of it before it does.

Each part names the Django versions that it was checked against.
"""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router


# Django 5.2, 6.0, 6.1: _db is what using() was given; without it, `db` asks the routers, each
# time that it is read. connections.settings is DATABASES, with defaults filled in.
def planning_alias(queryset: Any) -> str:
    """Return the alias of a database of the kind that `queryset` will read.

    The one that it reads is for the routers to say, once for each walk, when it begins: they may
    pick one of several at random, or by who asks. Before that they are asked only where the
    configured databases are of several kinds.
    """
    if queryset._db is not None:
        return str(queryset._db)
    settings: Any = connections.settings
    engines = {database["ENGINE"] for database in settings.values()}
    asks = not router.routers or len(engines) > 1
    return str(queryset.db) if asks else DEFAULT_DB_ALIAS
