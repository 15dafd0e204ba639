"""What to read, and one pass over it."""
