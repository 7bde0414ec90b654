"""The one way times are written in the store: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime


def now() -> str:
    """Return the present moment, such as ``2026-03-01T08:30:00.123Z``."""
    return shown_time(datetime.now(UTC))


def shown_time(moment: datetime) -> str:
    """Return an aware time in the store's form; texts of it sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
