"""python -m ingest: finds files, has them read, cut and written, and fills vectors. Never touches an index."""
