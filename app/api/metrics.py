"""Prometheus metrics: counts and seconds by route and stage, never a text, name or id."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The service's own registry, so that two services in one process do not share counts."""

    def __init__(self) -> None:
        """Register everything at zero."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "strongroom_requests_total", "HTTP requests by route and status", ["route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "strongroom_request_seconds", "Seconds until the reply was sent", ["route"], registry=self.registry,
            buckets=SECONDS,
        )  # fmt: skip
        self.stage_seconds = Histogram(
            "strongroom_search_stage_seconds", "Seconds of a search by stage", ["stage"], registry=self.registry,
            buckets=SECONDS,
        )  # fmt: skip
        self.searches_by = Counter(
            "strongroom_searches_total", "Searches by what answered the vector leg", ["vectors_by"],
            registry=self.registry,
        )  # fmt: skip
        self.refused_busy = Counter(
            "strongroom_refused_busy_total", "Questions refused because all places were taken", registry=self.registry
        )
        self.documents = Gauge(
            "strongroom_documents", "Documents by how far they are", ["state"], registry=self.registry
        )
        self.feed_lag = Gauge(
            "strongroom_feed_lag_events", "Events of the change feed the indexes have not taken in",
            registry=self.registry,
        )  # fmt: skip

    def searched(self, timings_ms: dict[str, float | str]) -> None:
        """Count a search by its timings."""
        for stage, value in timings_ms.items():
            if isinstance(value, str):
                self.searches_by.labels(value).inc()
            else:
                self.stage_seconds.labels(stage).observe(value / 1000)

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)
