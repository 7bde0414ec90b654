"""Structured logs: event names, ids, counts and seconds. Never text, names of files or keys.

Every field passes an allow-list, so a careless call drops the field instead of leaking it.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED_FIELDS = frozenset({
    "event", "level", "timestamp", "module", "request_id", "job_id", "run_id", "store_id", "space_id", "sequence",
    "documents", "chunks", "vectors", "pages", "rows", "count", "bytes", "seconds", "milliseconds", "status", "code",
    "method", "route", "pid", "returncode", "port", "host", "reason_class", "kind", "engine", "stage", "lag", "version",
    "dropped",
})  # fmt: skip


def keep_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - structlog's type
    """Drop every field that is not on the allow-list, and say how many."""
    kept = {key: value for key, value in event.items() if key in ALLOWED_FIELDS}
    if len(kept) < len(event):
        kept["dropped"] = len(event) - len(kept)
    return kept


def start_logs(level: str) -> None:
    """Write one JSON object per event to stderr, from ``level`` up; libraries write nothing."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries put what they please into messages, and may set levels of their own.
    logging.disable(logging.CRITICAL)


def get_log(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that carries the module's name."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return log
