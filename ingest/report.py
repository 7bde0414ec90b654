"""What an ingest did: for the person who started it, as counts and as one JSON object."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """Counts of one run; ``refused`` names each file with its reason."""

    taken: int = 0
    unchanged: int = 0
    removed: int = 0
    pages: int = 0
    chunks: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] += time.monotonic() - begun

    def as_dict(self) -> dict[str, object]:
        """Return the report as it is printed."""
        return {
            "taken": self.taken,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "refused": [{"file": file, "reason": reason} for file, reason in self.refused],
            "notes": [{"file": file, "note": note} for file, note in self.notes],
            "documents": self.taken + self.unchanged,
            "pages": self.pages,
            "chunks": self.chunks,
            "seconds": round(time.monotonic() - self.started, 3),
            "stages": {name: round(seconds, 3) for name, seconds in self.stages.items()},
        }

    def summary(self) -> str:
        """Return the report as one line."""
        return (
            f"{self.taken} taken, {self.unchanged} unchanged, {self.removed} removed, {len(self.refused)} refused;"
            f" {self.pages} pages, {self.chunks} chunks in {time.monotonic() - self.started:.1f} s"
        )
