"""Whether there is room in memory for an ingest: estimated from its files before it starts, so that nobody is killed.

Indexes lie in RAM, so what an ingest needs in the end follows from the number of chunks, and that from the files.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings

KIB, GIB = 2**10, 2**30
# Chunks of 220 tokens per KiB of a file, by its ending. Measured on 135 readable files of 39 MB, English and Chinese,
# and rounded up: PDF 0.26, DOCX 1.5, HTML 0.2 to 1.7 (saved pages are mostly markup), text 1.5, Markdown 1.8, CSV 2.2,
# JSON lines 0.6 to 2.0. In sum these give half as many again as there are. A kind that cannot be read takes none.
TEXT_CHUNKS_PER_KIB = 2.5
CHUNKS_PER_KIB = {".pdf": 0.3, ".docx": 1.5, ".docm": 1.5, ".html": 1.0, ".htm": 1.0, ".xhtml": 1.0}
CHUNKS_PER_KIB |= dict.fromkeys((".txt", ".md", ".csv", ".tsv", ".log"), TEXT_CHUNKS_PER_KIB)
MEASURED_CHUNK_TOKENS = 220
PACKED = 4.0  # what gzip makes of text
# Beside a service that runs, the processes of an ingest were measured at 0.8 GiB; a chunk stays with 9 KB. Of that the
# files of Chroma and tantivy in the RAM folder are taken as less than half.
INGEST_BYTES = 9 * GIB // 10
BYTES_PER_CHUNK = 9 * KIB
RAM_FOLDER_BYTES_PER_CHUNK = 4 * KIB
HEAD_BYTES = 512
BLOCK_BYTES = 2**20
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Lack:
    """What is too small for an ingest: ``what`` in words, and how much of it is needed and is there, in bytes."""

    what: str
    needed: int
    free: int
    chunks: int

    def __str__(self) -> str:
        """Say it in one sentence."""
        return (
            f"about {self.chunks:,} passages need {self.needed / GIB:.1f} GiB of {self.what},"
            f" {self.free / GIB:.1f} GiB are free: free some, or name a smaller folder"
        )


def find_lack(settings: Settings, docs: Path) -> Lack | None:
    """Return what is too small for taking a folder in; None if there is room.

    Raises:
        StrongroomError: the folder or the store is not there.
    """
    from ingest.discover import discover

    sources = discover([docs], source=None)
    known = known_chunks(settings, sources[0].name)
    new = [found for found in sources[0].files if found.external_id not in known]
    # Lines of JSON files are known one by one, not by their file.
    of_lines = sum(known.values()) - sum(known.get(found.external_id, 0) for found in sources[0].files)
    chunks = max(0, estimate_chunks((found.file for found in new), settings) - of_lines)
    root = settings.ram_root()
    folder = root if root.exists() else root.parent
    # Where nothing is new, an ingest only looks: that it ran here before is enough.
    parts = [
        Lack("memory", INGEST_BYTES + chunks * BYTES_PER_CHUNK, free_memory(), chunks),
        Lack(f"room in {root}", chunks * RAM_FOLDER_BYTES_PER_CHUNK, shutil.disk_usage(folder).free, chunks),
    ]
    return next((part for part in parts if chunks and part.needed > part.free), None)


def estimate_chunks(files: Iterable[Path], settings: Settings) -> int:
    """Return about how many chunks files will have."""
    at_measured_size = sum(chunks_of(file, settings.ingest.max_file_bytes) for file in files)
    return round(at_measured_size * MEASURED_CHUNK_TOKENS / settings.ingest.chunk_tokens)


def chunks_of(file: Path, max_file_bytes: int) -> float:
    """Return about how many chunks a file will have; 0 if it cannot be taken in."""
    try:
        size = file.stat().st_size
        if not 0 < size <= max_file_bytes:
            return 0.0
        name = file.name.lower()
        if name.endswith((".jsonl", ".ndjson")):
            return max(size / KIB * TEXT_CHUNKS_PER_KIB, count_lines(file))
        if name.endswith(".jsonl.gz"):
            return size / KIB * TEXT_CHUNKS_PER_KIB * PACKED
        ratio = CHUNKS_PER_KIB.get(file.suffix.lower())
        if ratio is None:
            ratio = TEXT_CHUNKS_PER_KIB if looks_like_text(file) else 0.0
    except OSError:
        return 0.0
    return max(size / KIB * ratio, 1.0) if ratio else 0.0


def looks_like_text(file: Path) -> bool:
    """Whether the first bytes hold no zero, as those of pictures, archives and programs nearly always do."""
    with file.open("rb") as opened:
        return b"\0" not in opened.read(HEAD_BYTES)


def count_lines(file: Path) -> int:
    """Count the lines of a file of JSON lines: each is a document."""
    lines = 0
    with file.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            lines += block.count(b"\n")
    return lines


def known_chunks(settings: Settings, source: str) -> dict[str, int]:
    """Return the chunks of each document that the store holds of a source; those it refused have none."""
    from app.database.store import open_store

    statement = (
        "SELECT d.external_id, (SELECT count(*) FROM chunks c WHERE c.version_number = v.version_number)"
        " FROM documents d JOIN sources s ON s.source_number = d.source_number"
        " LEFT JOIN versions v ON v.document_id = d.document_id AND v.state = 'current'"
        " WHERE s.name = ? AND (v.version_number IS NOT NULL OR d.refused IS NOT NULL)"
    )
    with open_store(settings) as store, store.catalogue.read() as connection:
        return {str(name): int(chunks) for name, chunks in connection.execute(statement, (source,))}


def free_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = CGROUP) -> int:
    """Return how many bytes processes can still get, on this machine and within this container (cgroup v2)."""
    available = 0
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * KIB
    return min(available, container_memory(cgroup, otherwise=available))


def container_memory(cgroup: Path, *, otherwise: int) -> int:
    """Return what is left below the limit of a container; ``otherwise`` where there is none."""
    try:
        most = int((cgroup / "memory.max").read_text(encoding="ascii"))
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        counted = dict(line.split() for line in (cgroup / "memory.stat").read_text(encoding="ascii").splitlines())
        # Pages of files that nobody used lately are given up when memory is wanted.
        return max(0, most - used + int(counted.get("inactive_file", 0)))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return otherwise
