"""What depends on the database."""
