"""All indexes of the store: built from snapshots and the catalogue, and brought level with its change feed.

Only ``serve`` (or a command that runs in process) owns these. Nothing here can lose data: what is wrong or missing
is built again from the catalogue.
"""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from app.database.connection import Connection
from app.database.store import Store
from app.knowledge.base_index import BaseIndex
from app.knowledge.catalogue_rows import count_documents, read_documents, read_filled
from app.knowledge.passage import IndexState
from app.knowledge.removal import remove_superseded
from app.knowledge.snapshots import open_snapshots, take_snapshots
from app.knowledge.spaces import KnownSpace, read_space
from app.logs import get_log

EVENTS_PER_STEP = 256
DOCUMENTS_PER_READ = 64  # keeps each read transaction far below 5 s
CHROMA_ROWS_PER_STEP = 512
COUNT_EVERY_S = 1.0
COUNT_SHARE = 20  # counting may take a twentieth of the time: small stores are counted at every step
QUIET_BEFORE_SNAPSHOT_S = 30.0
RETIRED_S = 5.0

log = get_log(__name__)


class Indexes:
    """The indexes by knowledge base."""

    def __init__(self, store: Store, folder: Path | None) -> None:
        """Own ``folder`` in RAM (None: everything in memory); nothing is read yet."""
        self._store = store
        self._folder = folder
        self.space: KnownSpace | None = None
        self.bases: dict[str, BaseIndex] = {}
        self.sequence = 0
        self.counts: dict[str, dict[int, IndexState]] = {}
        self._builds = 0
        self._retired: list[BaseIndex] = []
        self._snapshot_sequence = 0
        self._quiet_since = time.monotonic()
        self._counted_at = self._count_s = 0.0
        self._counts_stale = True

    def build(self) -> None:
        """Fill the indexes from snapshots and the catalogue; searches are right from here on, Chroma may lag."""
        with self._store.catalogue.read() as connection:
            self.sequence = sequence_of(connection)
            self.space = read_space(connection)
            base_ids = [row[0] for row in connection.execute("SELECT knowledge_base_id FROM knowledge_bases")]
        # Searches see the former bases until all new ones are whole.
        self.bases = {base_id: self._build_base(base_id) for base_id in base_ids}
        # What came whole from snapshots needs no new ones.
        self._snapshot_sequence = min(
            (base.chroma_sequence for base in self.bases.values() if len(base.matrix)), default=self.sequence
        )
        self.recount()

    def _base_folder(self, base_id: str) -> Path | None:
        return self._folder / f"indexes-{self._builds}" / base_id if self._folder else None

    def _build_base(self, base_id: str) -> BaseIndex:
        folder = self._base_folder(base_id)
        opened = open_snapshots(self._store, base_id, folder, space=self.space) if folder else {}
        dimension = self.space.dimension if self.space else 1
        try:
            base = BaseIndex(base_id, folder, dimension=dimension)
        except Exception as error:
            # A sealed snapshot of a release whose libraries wrote other files: whatever they say of it, build anew.
            if not opened or folder is None:
                raise
            log.warning("snapshot dropped", kind="all", reason_class=type(error).__name__)
            opened, folder = {}, folder.with_name(f"{base_id}-anew")
            base = BaseIndex(base_id, folder, dimension=dimension)
        base.chroma_sequence = opened.get("vectors", 0)
        words_sequence = opened.get("words")
        with self._store.catalogue.read() as connection:
            versions = dict(
                connection.execute(
                    "SELECT d.document_id, v.version_number FROM documents d LEFT JOIN versions v"
                    " ON v.document_id = d.document_id AND v.state = 'current' WHERE d.knowledge_base_id = ?",
                    (base_id,),
                ).fetchall()
            )
            documents = list(versions)
            changed = {
                row[0]
                for row in connection.execute(
                    "SELECT id FROM changes WHERE sequence > ? AND kind IN ('made current', 'access changed')",
                    (words_sequence or 0,),
                )
            }
        if words_sequence is not None:
            self._catch_up_words(base, documents, changed)
        indexed = [one for one in documents if words_sequence is not None and one not in changed]
        self._put(base, indexed, with_texts=False)
        # Those replaced while this was read are not in the snapshot's words either.
        moved = {one for one in indexed if one in base.documents and not self._serves(base, one, versions[one])}
        self._catch_up_words(base, documents, moved)
        fresh = set(indexed) - moved
        self._put(base, [one for one in documents if one not in fresh], with_texts=True)
        if 0 < base.chroma_sequence < self.sequence:
            base.drop_stale_vectors()
        return base

    def _catch_up_words(self, base: BaseIndex, documents: Iterable[str], changed: set[str]) -> None:
        """Take every version of changed documents out of words that came from a snapshot; they are put in anew."""
        stale: list[int] = []
        with self._store.catalogue.read() as connection:
            for document_id in changed.intersection(documents):
                stale += [
                    row[0]
                    for row in connection.execute(
                        "SELECT version_number FROM versions WHERE document_id = ?", (document_id,)
                    )
                ]
        if stale:
            base.words.replace([], removed_versions=stale)
            base.holds_removed_bytes = True

    def _put(self, base: BaseIndex, document_ids: list[str], *, with_texts: bool) -> None:
        for start in range(0, len(document_ids), DOCUMENTS_PER_READ):
            with self._store.catalogue.read() as connection:
                rows = read_documents(
                    connection,
                    document_ids[start : start + DOCUMENTS_PER_READ],
                    space_number=self.space.space_number if self.space else None,
                    dimension=base.matrix.dimension,
                    with_texts=with_texts,
                )
            for base_id, found in rows.items():
                if base_id == base.base_id:
                    base.put(found)

    def follow(self) -> bool:
        """Take in the next events of the feed; False when there were none."""
        with self._store.catalogue.read() as connection:
            events = connection.execute(
                "SELECT sequence, kind, id FROM changes WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (self.sequence, EVENTS_PER_STEP),
            ).fetchall()
            newest_space = read_space(connection)
        if not events:
            return False
        if newest_space is not None and (self.space is None or newest_space.space_id != self.space.space_id):
            self._rebuild()
            return True
        self._take_current([event_id for _, kind, event_id in events if kind == "made current"])
        for sequence, kind, event_id in events:
            if kind == "vectors filled":
                self._take_vectors(sequence, event_id)
            elif kind == "document deleted":
                for base in self.bases.values():
                    base.remove(event_id)
            elif kind == "access changed":
                self._take_rule(event_id)
        self.sequence = events[-1][0]
        self._quiet_since = time.monotonic()
        self._counts_stale = True
        return True

    def _rebuild(self) -> None:
        """Another space became active: build everything on it, beside what answers now."""
        log.info("rebuild", stage="space switched")
        before, self._builds = self.bases, self._builds + 1
        self.build()
        self._retired += before.values()  # searches under way still use them

    def _take_current(self, document_ids: list[str]) -> None:
        for start in range(0, len(document_ids), DOCUMENTS_PER_READ):
            with self._store.catalogue.read() as connection:
                rows = read_documents(
                    connection,
                    document_ids[start : start + DOCUMENTS_PER_READ],
                    space_number=self.space.space_number if self.space else None,
                    dimension=self.space.dimension if self.space else 1,
                    with_texts=True,
                )
            for base_id, found in rows.items():
                base = self.bases.get(base_id) or self._new_base(base_id)
                # An event that a build has seen already is not put in twice.
                fresh = [row for row in found if not self._serves(base, row.document_id, row.served.version_number)]
                base.put(fresh)

    @staticmethod
    def _serves(base: BaseIndex, document_id: str, version_number: int) -> bool:
        served = base.documents.get(document_id)
        return served is not None and served.version_number == version_number

    def _new_base(self, base_id: str) -> BaseIndex:
        folder = self._base_folder(base_id)
        self.bases[base_id] = BaseIndex(base_id, folder, dimension=self.space.dimension if self.space else 1)
        return self.bases[base_id]

    def _take_vectors(self, sequence: int, base_id: str) -> None:
        base = self.bases.get(base_id)
        if base is None or self.space is None:
            return
        with self._store.catalogue.read() as connection:
            filled = read_filled(
                connection, sequence, space_number=self.space.space_number, dimension=self.space.dimension
            )
        for document_id, numbers, vectors in filled:
            base.add_vectors(document_id, numbers, vectors, sequence)

    def _take_rule(self, document_id: str) -> None:
        with self._store.catalogue.read() as connection:
            rows = read_documents(connection, [document_id], space_number=None, dimension=1, with_texts=True)
        for base_id, found in rows.items():
            base = self.bases.get(base_id)
            if base is not None:
                for row in found:
                    base.change_rule(row)

    def sync_chroma(self) -> bool:
        """Bring every Chroma collection a step nearer; True when all have everything."""
        complete = [
            base.sync_chroma(passed_sequence=self.sequence, most_rows=CHROMA_ROWS_PER_STEP)
            for base in self.bases.values()
        ]
        return all(complete)

    def recount(self) -> None:
        """Count how far documents are; where that takes long, at most once a second while things change."""
        begun = time.monotonic()
        if not self._counts_stale or begun - self._counted_at < min(COUNT_EVERY_S, COUNT_SHARE * self._count_s):
            return
        with self._store.catalogue.read() as connection:
            space = read_space(connection)
            self.counts = count_documents(connection, space_number=space.space_number if space else None)
        self._counted_at, self._counts_stale = time.monotonic(), False
        self._count_s = self._counted_at - begun

    def expect_counts(self) -> None:
        """Have the next step count again: a document was announced or refused, which is no event of the feed."""
        self._counts_stale = True

    def housekeep(self) -> None:
        """When it has been quiet: finish removals, and take snapshots of what changed."""
        if self._retired and time.monotonic() - self._quiet_since > RETIRED_S:
            for base in self._retired:
                base.close()
                if base.folder is not None:
                    shutil.rmtree(base.folder, ignore_errors=True)
            self._retired = []
        for base in self.bases.values():
            base.flush()
        remove_superseded(self._store, passed_sequence=self.sequence)
        if self.sequence > self._snapshot_sequence and time.monotonic() - self._quiet_since > QUIET_BEFORE_SNAPSHOT_S:
            self.snapshot()

    def snapshot(self) -> None:
        """Seal the indexes of each base that holds no bytes of removed chunks; the follower must be at rest."""
        if self._folder is None or self.space is None or self.sequence == self._snapshot_sequence:
            return
        while not self.sync_chroma():
            pass
        take_snapshots(self._store, list(self.bases.values()), space=self.space, sequence=self.sequence)
        self._snapshot_sequence = self.sequence

    def close(self) -> None:
        """Let go of all files."""
        for base in [*self.bases.values(), *self._retired]:
            base.close()


def sequence_of(connection: Connection) -> int:
    """Return the sequence of the newest event."""
    row = connection.execute("SELECT value FROM counters WHERE name = 'change'").fetchone()
    return int(row[0])
