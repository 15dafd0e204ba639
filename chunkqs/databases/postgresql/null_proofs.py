"""How PostgreSQL's catalogue proves that a column has no NULL."""

from __future__ import annotations

#: A view and a foreign table prove nothing; an heir may have dropped the constraint.
NOT_NULL = """
coalesce((
    WITH RECURSIVE family AS (
        SELECT pg_catalog.to_regclass(%s)::pg_catalog.oid AS oid
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN family ON i.inhparent = oid
    )
    SELECT pg_catalog.bool_and(c.relkind IN ('r', 'p') AND coalesce(a.attnotnull, false)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint n WHERE n.conrelid = c.oid AND n.contype = 'n'
            AND a.attnum = ANY (n.conkey) AND NOT n.convalidated
        ))
    FROM family JOIN pg_catalog.pg_class c ON c.oid = family.oid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = %s
), false)
"""
