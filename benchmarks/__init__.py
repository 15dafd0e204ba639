"""How fast chunkqs is beside its peers: ``make bench``."""
