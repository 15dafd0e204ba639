"""What Django's documentation does not promise, with the versions that it was read against."""
