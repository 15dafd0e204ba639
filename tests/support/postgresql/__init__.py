"""Models of PostgreSQL's own types: installed only where the suite runs on PostgreSQL."""
