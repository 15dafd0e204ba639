"""A total order, and places in it."""
