"""Journeys through real processes: init, ingest, serve, HTTP, restart, kill."""
