"""The one way times are written in the store: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime


def now() -> str:
    """Return the present moment, such as ``2026-03-01T08:30:00.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
