"""Columns of every type, adversarial values in them, and every way to walk beside the result."""
