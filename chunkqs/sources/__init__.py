"""Where blocks of raw rows come from."""
