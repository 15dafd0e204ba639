"""What code costs the database: read from its plans and counters, not from a clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

Work = Callable[[], object]


def buffers(work: Work) -> int:
    """Count the blocks that PostgreSQL looks at, in a transaction that is rolled back."""
    found: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("( ").startswith(("SELECT", "UPDATE", "DELETE")):
            found.append((sql, params))
        return execute(sql, params, many, context)

    with transaction.atomic():
        with connection.execute_wrapper(note):
            work()
        transaction.set_rollback(True)
    return sum(_blocks(sql, params) for sql, params in found)


def _blocks(sql: str, params: Any) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", params)
        (result,) = cursor.fetchone()
        transaction.set_rollback(True)
    plan = (json.loads(result) if isinstance(result, str) else result)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def handler_reads(work: Work) -> int:
    """Count the rows that MariaDB reads from tables and indexes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("FLUSH STATUS")
        work()
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler%'")
        counts = {name: int(count) for name, count in cursor.fetchall()}
        transaction.set_rollback(True)
    # An entry of an index that the engine itself passes over is an attempt, but not a read.
    passed = counts["Handler_icp_attempts"] - counts["Handler_icp_match"]
    return passed + sum(count for name, count in counts.items() if "_read_" in name)


def steps(work: Work) -> int:
    """Count the steps of SQLite's virtual machine, in tens."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(step, 10)
    try:
        with transaction.atomic():
            work()
            transaction.set_rollback(True)
    finally:
        connection.connection.set_progress_handler(None, 0)
    return taken


#: How the work is counted in the databases that say so: in blocks, rows, or tens of steps.
WORK: dict[str, Callable[[Work], int]] = {
    "postgresql": buffers,
    "mysql": handler_reads,
    "sqlite": steps,
}
