"""Raw rows into rows."""
