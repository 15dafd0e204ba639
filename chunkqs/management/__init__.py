"""Management commands, for a project that has `chunkqs` in INSTALLED_APPS."""
