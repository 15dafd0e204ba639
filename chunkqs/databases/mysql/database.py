"""MySQL and MariaDB, by mysqlclient."""

from __future__ import annotations

import json
from collections import defaultdict
from math import prod
from typing import Any

from django.db import Error, NotSupportedError, OperationalError
from django.db.backends.utils import CursorWrapper

from ...django_internals.compiler import Statement
from ..base import Database, Explanation, TransientError
from .session import MySQLSession

#: Client errors: server has gone away, connection lost (twice).
LOST = {2006, 2013, 2055}
#: Also: closed by this side, shutdown, killed while it ran or before, closed for idleness.
ENDED = LOST | {0, 1053, 1317, 1927, 4031}
#: Lock wait timeout, deadlock.
CONFLICTS = {1205, 1213}
#: MariaDB's max_statement_time, MySQL's max_execution_time.
TIMEOUTS = {1969, 3024}

#: Floats of 4 bytes, which no field of Django's own has.
SINGLE_PRECISION = {"float"}


#: Of MariaDB since 10.5.1 and of MySQL since 8.0.22.
REPLICA_STATUS = "SHOW REPLICA STATUS"
LAGS = ("seconds_behind_source", "seconds_behind_master")
ACTIVE_QUERIES = """
SELECT COUNT(*) FROM information_schema.PROCESSLIST
WHERE COMMAND = 'Query' AND DB = DATABASE() AND ID <> CONNECTION_ID()
"""


class MySQL(Database):
    """MySQL or MariaDB."""

    opens_private_connections = True
    cursor_blocks_connection = True
    reads_ranges_to_their_end = True
    indexes_end_with_key = True
    sorts_by_prefix = True
    has_numbered_types = True

    def explain(self, statement: Statement) -> Explanation | None:
        """Multiply the rows of a SELECT's tables, add up the SELECTs of a UNION."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement.sql}", statement.params)
            names = [column[0].lower() for column in cursor.description]
            steps = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        selects: dict[int, list[float]] = defaultdict(list)
        for step in steps:
            if step["select_type"] in {"SIMPLE", "PRIMARY", "UNION"} and step["rows"] is not None:
                selects[step["id"]].append(int(step["rows"]) * _filtered(step))
        rows = sum(prod(tables) for tables in selects.values())
        return Explanation(round(rows), 0, json.dumps(steps, default=str))

    def replication_lag(self) -> float:
        """Ask a replica; raise NotSupportedError on a primary, which does not know.

        OperationalError where the replica does not replicate: it would never catch up.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(REPLICA_STATUS)
            names = [column[0].lower() for column in cursor.description]
            channels = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if not channels:
            raise NotSupportedError(
                f"{self.connection.alias!r} is no replica, and a primary of {self.label} does not "
                "know how far behind its replicas are. Name the alias of a replica: using=."
            )
        lags = [one[name] for one in channels for name in LAGS if name in one]
        if None in lags or not lags:
            raise OperationalError(f"The replica {self.connection.alias!r} does not replicate.")
        return float(max(lags))

    def active_queries(self) -> int:
        """Count the clients whose queries run, without this one."""
        with self.connection.cursor() as cursor:
            cursor.execute(ACTIVE_QUERIES)
            return int(cursor.fetchone()[0])

    def session(self, statement: Statement) -> MySQLSession:
        """Return the session with its variables, role and database."""
        return MySQLSession(self.connection, statement)

    def transient_error(self, error: Error) -> TransientError | None:
        """Classify by error number."""
        code = error.args[0] if error.args else None
        if self.is_disconnected(error):
            return TransientError.LOST
        if code in CONFLICTS:
            return TransientError.CONFLICT
        return TransientError.TIMEOUT if code in TIMEOUTS else None

    def is_disconnected(self, error: Error) -> bool:
        """Ask the server, as mysqlclient doesn't know by itself: one ping after some errors."""
        if self.connection.connection is None:
            return True
        return bool(ENDED.intersection(error.args[:1])) and not self.connection.is_usable()

    def is_cursor_lost(self, cursor: CursorWrapper, error: BaseException | None = None) -> bool:
        """Return whether the connection is closed or, by the error's number, was lost."""
        return super().is_cursor_lost(cursor) or (
            error is not None and bool(LOST.intersection(error.args[:1]))
        )

    def key_sql(self, sql: str, field: Any) -> str:
        """Select floats of 4 bytes as the doubles that they compare as."""
        if field is not None and field.db_type(self.connection) in SINGLE_PRECISION:
            return f"{sql} + CAST(0 AS double)"
        return sql

    def sorted_by(self, statement: Statement, length: int) -> Statement:
        """Set `max_sort_length` for the one statement."""
        setting = f"max_sort_length={length}"
        if self.connection.mysql_is_mariadb:  # type: ignore[attr-defined]
            return Statement(f"SET STATEMENT {setting} FOR {statement.sql}", statement.params)
        hinted = statement.sql.replace("SELECT", f"SELECT /*+ SET_VAR({setting}) */", 1)
        return Statement(hinted, statement.params)


def _filtered(step: dict[str, Any]) -> float:
    """Return the part of the rows that a condition leaves; MariaDB's EXPLAIN does not say."""
    percent = step.get("filtered")
    return 1.0 if percent is None else float(percent) / 100
