"""What is kept on disk, and how: tables in Parquet under DuckDB views, image tensors, models. Never half-written."""
