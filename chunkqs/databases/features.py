"""In what databases differ, as far as yes and no say it."""

from __future__ import annotations


class Features:
    """The flags of a `Database`, with what suits one that chunkqs doesn't know."""

    opens_private_connections = False
    """Whether a cursor over a large result is opened on a connection of its own: there the first
    row comes at once, and the caller's connection stays free."""

    sends_on_request = False
    """Whether a server-side cursor sends rows only when it is asked for them. A thread can then
    ask for the next ones early; where the server sends by itself, the socket reads ahead."""

    cursor_blocks_connection = False
    """Whether an open server-side cursor keeps its connection from every other query."""

    cursor_ends_with_transaction = False
    """Whether a server-side cursor in a transaction ends with it, on the server alone."""

    compares_rows = False
    """Whether `(a, b) > (1, 2)` is looked up in an index. The others get an OR of ranges."""

    reads_ranges_apart = False
    """Whether several ranges are best read by a SELECT each (UNION ALL), as the planner finds
    its place in an index for one range but not for an OR of them."""

    prefers_or_to_order = False
    """Whether the planner follows an OR to other indexes than the one that gives the order.
    A unary plus before a column keeps it from that."""

    compares_rowid_alone = False
    """Whether the table's row number must be compared by itself: it stands in no index, so that
    in a row comparison all rows with equal other columns are read."""

    bounds_compared_expressions = False
    """Whether a row comparison that begins with an expression finds an index on it only by a
    bound on the expression alone."""

    nests_union_members = False
    """Whether the parts of a UNION ALL may be ordered and limited only in a subquery."""

    reads_nulls_by_index_order = False
    """Whether an index serves only an ORDER BY that names the place of NULLs as the index has
    it, even where a filter leaves no NULLs."""

    reads_ranges_to_their_end = False
    """Whether equality with a constant keeps the index from being read on from there in order,
    so that a column that a filter pins is better ordered and compared as an interval."""

    indexes_end_with_key = False
    """Whether every index ends with the primary key, declared or not."""

    finds_parametrized_expressions = True
    """Whether an index on an expression is found where the expression's constants are parameters
    of the query."""

    sorts_by_beginnings = False
    """Whether texts are sorted by so many of their first bytes, and compared by all of them."""

    knows_types = False
    """Whether the server names the type of each column that it sends, and what travels exactly is
    known by that. Elsewhere a walk looks its first position up, before a second chunk."""

    hides_types = False
    """Whether the server names another type for a column than the one that it is sorted by, in
    some statements or inside of an expression: then each statement is looked at."""

    names_derived_columns = False
    """Whether the columns of a subquery can be named after it: `(SELECT ...) AS t(a, b)`."""

    has_numbered_types = False
    """Whether there are types (ENUM, SET) that are sorted by number but compared as text."""

    compares_json_by_value = False
    """Whether JSON_EXTRACT() is sorted as text, but compared without the quotes of a string."""

    adds_decimals_exactly = False
    """Whether decimals are no floats: their sum is the same in whatever order they are added."""

    coalesces_to_null = False
    """Whether COALESCE() makes a value that its type does not have NULL, the last one as well."""

    deviates_exactly = False
    """Whether a variance of integers is the same in whatever order they come."""

    reads_rows_as_they_come = False
    """Whether a cursor comes upon rows that its own connection inserts while it is read."""

    has_sessions = True
    """Whether a connection has a state of its own that decides which rows it shows."""

    shares_snapshots = False
    """Whether one transaction can take over the snapshot of another."""

    writes_jsonb = False
    """Whether the text of a document is always the same for the same document, as jsonb's."""

    writes_exports = False
    """Whether the server can write an export itself (COPY), several times as fast as Python."""
