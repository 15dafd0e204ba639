"""Key ranges that together are a whole queryset: how many, from where to where, as text."""
