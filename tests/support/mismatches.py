"""What makes PostgreSQL's answer depend on more of a session than can be carried over.

By name: statements that cause it, statements that undo it, the query, and a pattern for the
reason that is given.
"""

SQL = "SELECT id, note FROM session_row"

Mismatch = tuple[list[str], list[str], str, str]

FUNCTION = "CREATE FUNCTION session_{0}() RETURNS text LANGUAGE {1} AS "
MISMATCHES: dict[str, Mismatch] = {
    "a temporary table in its place": (
        ["CREATE TEMPORARY TABLE session_row (id integer, note text)"], [], SQL,
        "temporary table|other tables",
    ),
    "a temporary table of its own": (
        ["CREATE TEMPORARY TABLE session_own (id integer)"], [],
        "SELECT id FROM session_own", "session_own",
    ),
    "a temporary view in its place": (
        ["CREATE TEMPORARY VIEW session_row AS SELECT 1 AS id, 'x' AS note"], [], SQL,
        "temporary table",
    ),
    "a temporary type": (
        ["CREATE DOMAIN pg_temp.session_word AS text"], [], SQL, "temporary type",
    ),
    "a setting in the query": (
        ["SET app.note = 'row 1'"], [],
        "SELECT id FROM session_row WHERE note = current_setting('app.note')", "current_setting",
    ),
    "a setting in a limit, which no plan shows": (
        ["SET app.many = '3'"], [],
        "SELECT id FROM session_row LIMIT current_setting('app.many')::int", "current_setting",
    ),
    "a setting in a view": (
        ["CREATE VIEW session_view AS SELECT * FROM session_row"
         " WHERE note = current_setting('app.note')"], ["DROP VIEW session_view"],
        "SELECT id FROM session_view", "current_setting",
    ),
    "a setting in a limit in a view": (
        ["CREATE VIEW session_view AS SELECT * FROM session_row"
         " LIMIT current_setting('app.many', true)::int"], ["DROP VIEW session_view"],
        "SELECT id FROM session_view", "current_setting",
    ),
    "a sequence's last value": (
        ["CREATE SEQUENCE session_sequence", "SELECT nextval('session_sequence')"],
        ["DROP SEQUENCE session_sequence"],
        "SELECT id FROM session_row WHERE id = lastval()", "lastval",
    ),
    "a lock of the session": (
        [], [], "SELECT id FROM session_row WHERE pg_try_advisory_lock(id)", "pg_try_advisory",
    ),
    "a query given as text": (
        [], [], "SELECT query_to_xml('SELECT 1', true, false, '')", "query_to_xml",
    ),
    "an aggregate of the application's": (
        [
            "CREATE FUNCTION session_step(total integer, word text) RETURNS integer"
            " LANGUAGE plpgsql STABLE AS $$ BEGIN"
            " RETURN total + (word = current_setting('app.note', true))::int; END $$",
            "CREATE AGGREGATE session_count(text)"
            " (sfunc = session_step, stype = integer, initcond = '0')",
        ],
        ["DROP FUNCTION session_step CASCADE"],
        "SELECT id FROM session_row GROUP BY id HAVING session_count(note) > 0", "session_count",
    ),
    "a function of the application's": (
        [FUNCTION.format("note", "plpgsql STABLE")
         + "$$ BEGIN RETURN current_setting('app.note'); END $$"],
        ["DROP FUNCTION session_note"],
        "SELECT id FROM session_row WHERE note = session_note()", "session_note",
    ),
    "a function that is inlined": (
        [FUNCTION.format("note", "sql STABLE") + "$$ SELECT current_setting('app.note') $$"],
        ["DROP FUNCTION session_note"],
        "SELECT id FROM session_row WHERE note = session_note()", "session_note|current_setting",
    ),
    "a function that is not as immutable as it says": (
        ["SET app.note = 'row 1'", FUNCTION.format("note", "plpgsql IMMUTABLE")
         + "$$ BEGIN RETURN current_setting('app.note'); END $$"],
        ["DROP FUNCTION session_note"],
        "SELECT id FROM session_row WHERE note = session_note()", "session_note",
    ),
    "a function in a view, folded into a constant": (
        ["SET app.note = 'row 1'", FUNCTION.format("note", "plpgsql IMMUTABLE")
         + "$$ BEGIN RETURN current_setting('app.note'); END $$",
         "CREATE VIEW session_view AS SELECT * FROM session_row WHERE note = session_note()"],
        ["DROP FUNCTION session_note CASCADE"],
        "SELECT id FROM session_view", "session_note",
    ),
    "a function in the list of tables": (
        ["CREATE FUNCTION session_set() RETURNS SETOF session_row LANGUAGE plpgsql STABLE"
         " AS $$ BEGIN RETURN QUERY SELECT * FROM session_row; END $$"],
        ["DROP FUNCTION session_set"], "SELECT id FROM session_set()", "session_set",
    ),
    "an operator of the application's": (
        ["CREATE FUNCTION session_same(text, text) RETURNS boolean LANGUAGE plpgsql STABLE"
         " AS $$ BEGIN RETURN $1 = current_setting($2); END $$",
         "CREATE OPERATOR ==? (LEFTARG = text, RIGHTARG = text, FUNCTION = session_same)"],
        ["DROP FUNCTION session_same CASCADE"],
        "SELECT id FROM session_row WHERE note::text ==? 'app.note'", "==",
    ),
    "a cast of the application's": (
        ["CREATE TYPE session_type AS (word text)",
         "CREATE FUNCTION session_cast(text) RETURNS session_type LANGUAGE plpgsql STABLE"
         " AS $$ BEGIN RETURN row($1)::session_type; END $$",
         "CREATE CAST (text AS session_type) WITH FUNCTION session_cast"],
        ["DROP TYPE session_type CASCADE"], SQL, "cast",
    ),
    "row-level security": (
        ["ALTER TABLE session_row ENABLE ROW LEVEL SECURITY",
         "GRANT SELECT ON session_row TO pg_monitor", "SET ROLE pg_monitor"],
        ["ALTER TABLE session_row DISABLE ROW LEVEL SECURITY"], SQL, "row-level security",
    ),
    "row-level security on what the planner leaves out": (
        ["ALTER TABLE session_row ENABLE ROW LEVEL SECURITY",
         "GRANT SELECT ON session_row TO pg_monitor", "SET ROLE pg_monitor"],
        ["ALTER TABLE session_row DISABLE ROW LEVEL SECURITY"],
        "SELECT id FROM session_row WHERE false", "row-level security",
    ),
    "row-level security behind a view": (
        ["ALTER TABLE session_row ENABLE ROW LEVEL SECURITY",
         "CREATE VIEW session_view AS SELECT * FROM session_row"],
        ["DROP VIEW session_view", "ALTER TABLE session_row DISABLE ROW LEVEL SECURITY"],
        "SELECT id FROM session_view", "behind a view",
    ),
    "row-level security on a partitioned table, not on its partitions": (
        ["CREATE TABLE session_parent (id integer) PARTITION BY RANGE (id)",
         "CREATE TABLE session_part PARTITION OF session_parent FOR VALUES FROM (0) TO (9)",
         "ALTER TABLE session_parent ENABLE ROW LEVEL SECURITY",
         "GRANT SELECT ON session_parent TO pg_monitor", "SET ROLE pg_monitor"],
        ["DROP TABLE session_parent"], "SELECT id FROM session_parent", "row-level security",
    ),
    "a setting that Django makes and the caller took back": (
        ["RESET TimeZone"], [], SQL, "TimeZone",
    ),
    "a driver's character set": (
        ["SET client_encoding TO 'LATIN1'"], [], SQL, "client_encoding",
    ),
}  # fmt: skip
