"""Which values of PostgreSQL come back as they went out, by the number of their type.

The server names the type of each column that it sends; of a domain, the type beneath. An untyped
literal is read as the type of the column that it is compared with.
"""

from __future__ import annotations

from ..value_transport import VALUE, Transport, float_literal, interval_literal

#: bool, bytea, "char", name, int8, int2, int4, text, oid, bpchar, varchar, uuid.
EXACT = {16, 17, 18, 19, 20, 21, 23, 25, 26, 1042, 1043, 2950}
#: real, double precision.
FLOATS = {700, 701}
INTERVAL = 1186
#: date, timestamp, timestamptz.
MOMENTS = {1082, 1114, 1184}
#: Arrays, ranges and multiranges of these.
MOMENTS_WITHIN = {
    *(1115, 1182, 1185),
    *(3908, 3909, 3910, 3911, 3912, 3913),
    *(4533, 4534, 4535, 6152, 6153, 6155),
}
#: Arrays of floats.
FLOATS_WITHIN = {1021, 1022}
#: regproc and its like, record: no untyped literal is read as one of them.
WITHOUT_LITERAL = {24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191, 2249, 2287}
#: money and its array: `lc_monetary` decides which amount a text is, and the server does not say
#: when that is changed.
MONEY = {790, 791}
#: Types that were not there when the database was made: enums, composites, those of extensions.
FIRST_OF_USER = 16384
#: Of some types, those that are neither enums nor of an extension.
OWN_TYPES = """
SELECT FROM pg_catalog.pg_type AS t
WHERE t.oid = ANY(%s::oid[]) AND t.oid >= %s AND t.typtype <> 'e' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
)
LIMIT 1
"""
#: Whether values of some types are shown with all their digits.
SHOWS_WHOLE = """
SELECT current_setting('extra_float_digits')::integer > 0 AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_type AS t WHERE t.oid = ANY(%s::oid[]) AND t.typname = ANY(%s)
)
"""
#: Types of extensions whose text has fewer digits than their values: of the extension seg.
SHORTENED = ["seg", "_seg"]

TEXT = Transport("(", ")::text")
#: ISO 8601, whatever the DateStyle.
MOMENT = Transport("to_json(", ") #>> '{}'")
#: The bytes of a value of whichever type, as a model may be wrong about it: those that a row of one
#: column is sent as, after 12 bytes which say so. NULL has none.
BYTES = ("NULLIF(substr(encode(record_send(ROW(", ")), 'hex'), 25), '')")
FLOAT = Transport(*BYTES, float_literal)
SPAN = Transport(*BYTES, interval_literal)

#: By the beginning of a field's `db_type()`: what its values are likely to need.
LIKELY: dict[str, Transport] = {
    **dict.fromkeys(["boolean", "bytea", "uuid", "text", "varchar", "char"], VALUE),
    **dict.fromkeys(["integer", "bigint", "smallint", "serial", "bigserial", "smallserial"], VALUE),
    **dict.fromkeys(["double", "real"], FLOAT),
    "interval": SPAN,
}
LIKELY_MOMENTS = {"date", "timestamp"}


def exact(oid: int, used: Transport, has_iso_dates: bool) -> Transport | None:
    """Return how values of a type are read exactly, `used` where that does; None for no way."""
    if oid in MOMENTS:
        return used if used is MOMENT else moment(has_iso_dates)
    if oid in WITHOUT_LITERAL | MONEY or (oid in MOMENTS_WITHIN and not has_iso_dates):
        return None
    if oid in EXACT:
        return VALUE
    if oid in FLOATS:
        return FLOAT
    return SPAN if oid == INTERVAL else TEXT


def moment(has_iso_dates: bool) -> Transport:
    """Return how dates are read: as text, which takes half the time, where that is ISO 8601."""
    return TEXT if has_iso_dates else MOMENT


def may_hold_floats(oid: int) -> bool:
    """Return whether values of a type may have floats in them, shown with too few digits."""
    return oid in FLOATS_WITHIN or oid >= FIRST_OF_USER
