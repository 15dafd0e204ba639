"""Raw rows into CSV, NDJSON, Arrow and Parquet. Nothing here knows where rows come from."""
