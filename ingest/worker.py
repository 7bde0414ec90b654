"""The queue worker: takes uploads out of the queue, and fills vectors, until it is told to end.

A few uploads are read at once. Those with scanned pages go on to a lane of their own, one after the other, so that a
book of scans keeps nobody else waiting; what else they say is findable meanwhile.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from app.database.locks import hold_for_life
from app.database.store import Store
from app.errors import DocumentRefused, StoreError, StrongroomError
from app.inference.embedder import load_token_counter
from app.knowledge.jobs import (
    Claimed,
    Lane,
    claim_job,
    finish_job,
    note_recognised,
    read_upload,
    release_job,
    send_to_recognition,
)
from app.knowledge.removal import finish_erasures, sweep
from app.knowledge.writing import PERSON_WAITS, CatalogueWriter, NewVersion
from app.logs import get_log
from app.reading.pool import ReaderPool
from app.settings import Settings
from ingest.expand import holds_many, parts_of
from ingest.filling import VectorFiller
from ingest.pipeline import open_run, reason_of
from ingest.prepare import Incoming, Prepared, Preparer

IDLE_S = 0.2
RETRY_S = 2.0
SAY_S = 1.0  # between two notes of how far the recognition is
MOST_EXPANDED_BYTES = 2**30
MOST_GATHERED_BYTES = 2**26  # of documents that one commit makes current
MOST_ATTEMPTS = 3  # a document that ends the worker each time must not do so for ever

log = get_log(__name__)


def work(store: Store, settings: Settings, ending: threading.Event) -> None:
    """Run until ``ending`` is set.

    Raises:
        StoreBusy: another worker runs on this store.
    """
    with hold_for_life(store.lock_file("worker"), what="an ingest worker"):
        sweep(store)
        finish_erasures(store)
        filler: VectorFiller | None = None
        with ReaderPool(settings.ingest) as readers, open_run(store, actor="worker") as writer:
            counter = load_token_counter(settings.embedding, settings.models_dir)
            preparer = Preparer(readers, counter, settings.ingest)
            queue = Queue(store, writer, preparer, ending)
            lanes: list[Lane] = ["recognise"]
            lanes += ["read" for _ in range(settings.ingest.readers)]
            with ThreadPoolExecutor(len(lanes), thread_name_prefix="jobs") as threads:
                for lane in lanes:
                    threads.submit(queue.run, lane)
                try:
                    while not ending.wait(IDLE_S):
                        if filler is not None and filler.ended:
                            filler.stop()
                            filler = None
                            ending.wait(RETRY_S)
                        filler = filler or start_filler(store, settings)
                finally:
                    ending.set()
                    readers.close()  # what is being read is left in the queue, and taken up at the next start
                    if filler is not None:
                        filler.stop()


def start_filler(store: Store, settings: Settings) -> VectorFiller | None:
    """Begin to fill vectors, unless an ingest beside us does; it is tried again until it is our turn."""
    filler = VectorFiller(store, settings)
    if filler.start():
        return filler
    filler.stop()
    return None


@dataclass(slots=True)
class Queue:
    """Does jobs, from several threads at once."""

    store: Store
    writer: CatalogueWriter
    preparer: Preparer
    ending: threading.Event
    _claiming: threading.Lock = field(default_factory=threading.Lock)
    _busy: set[str] = field(default_factory=set)

    def run(self, lane: Lane) -> None:
        """Do the jobs of a lane until told to end."""
        while not self.ending.is_set():
            try:
                did = self.take_next(lane)
            except Exception as error:  # noqa: BLE001 - a thread's edge: it must not end without a word
                log.error("job failed", reason_class=type(error).__name__)
                did = False
                self.ending.wait(RETRY_S)
            if not did:
                self.ending.wait(IDLE_S)

    def take_next(self, lane: Lane) -> bool:
        """Do one job; False if none waits. A store that is full or busy leaves the job for later."""
        claimed: Claimed | None = None
        try:
            with self._claiming:
                claimed = claim_job(self.store, self.writer.run_id, lane=lane, busy=self._busy)
                if claimed is None:
                    return False
                self._busy.add(claimed.job_id)
            if claimed.attempts > MOST_ATTEMPTS:
                self.give_up(claimed)
            else:
                self.do(claimed, lane)
        except StrongroomError as error:
            log.error("job failed", code=error.code)
            self.ending.wait(RETRY_S)
            if claimed is not None:
                with suppress(StoreError):
                    release_job(self.store, claimed.job_id)
        finally:
            if claimed is not None:
                self._busy.discard(claimed.job_id)
        return True

    def give_up(self, claimed: Claimed) -> None:
        """Leave out what ended the worker each time."""
        reason = "reading it ended the worker several times; it is left out"
        self.writer.refuse(claimed.document_id, reason)
        finish_job(self.store, claimed, refused=[(claimed.file_name, reason)], sequence=0)

    def do(self, claimed: Claimed, lane: Lane) -> None:
        """Read one upload and make it the document's current version, or keep the reason why not."""
        content = b"".join(read_upload(self.store, claimed))
        refused: list[tuple[str, str]] = []
        versions: list[NewVersion] = []
        done = scans = sequence = 0
        progress = Progress(self.store, claimed.job_id)
        for incoming in self.unpacked(claimed, content, refused):
            try:
                if lane == "recognise":
                    prepared = Prepared(self.preparer.recognise(incoming, progress.add), 0)
                else:
                    prepared = self.preparer.prepare(incoming)
                scans += prepared.scans
                if prepared.version is not None:
                    versions.append(prepared.version)
                    done += 1
                if sum(len(version.content) for version in versions) > MOST_GATHERED_BYTES:
                    sequence = self.writer.write(versions)
                    versions = []
            except StoreError:
                raise
            except Exception as error:
                if self.ending.is_set():
                    raise  # reading was stopped: it is no fault of the document
                refused.append((incoming.shown, reason_of(error)))
                self.writer.refuse(incoming.document_id, reason_of(error))
        sequence = max(sequence, self.writer.write(versions))
        if scans:
            send_to_recognition(self.store, claimed.job_id, scans)
            return
        if holds_many(claimed.file_name):
            drop_placeholder(self.store, claimed)
        finish_job(self.store, claimed, refused=refused, sequence=sequence)
        log.info("job done", job_id=claimed.job_id, documents=done, count=len(refused))

    def unpacked(self, claimed: Claimed, content: bytes, refused: list[tuple[str, str]]) -> Iterator[Incoming]:
        """Yield the documents of an upload: itself, or what it holds and is not there yet."""
        passwords = (claimed.password,) if claimed.password else ()
        if not holds_many(claimed.file_name):
            yield Incoming(
                claimed.document_id, claimed.file_name, claimed.file_name, content, passwords=passwords,
                job_id=claimed.job_id, priority=PERSON_WAITS,
            )  # fmt: skip
            return
        with self.store.catalogue.read() as connection:
            source_number, rule_number = connection.execute(
                "SELECT source_number, rule_number FROM documents WHERE document_id = ?", (claimed.document_id,)
            ).fetchone()
        try:
            parts = parts_of(claimed.file_name, content, self.preparer.readers, most_bytes=MOST_EXPANDED_BYTES)
            for part in parts:
                if part.refused:
                    refused.append((part.shown, part.refused))
                    continue
                known = self.writer.find(source_number, part.external_id)
                if (
                    known is not None
                    and known.content_hash == self.writer.content_hash(part.content)
                    and known.reader == self.preparer.reader
                ):
                    continue
                document_id = (
                    known.document_id
                    if known
                    else self.writer.add_document(
                        claimed.base_id, source_number, part.external_id, rule_number=rule_number
                    )
                )
                yield Incoming(
                    document_id, part.shown, part.file_name, part.content, part.title, part.text, passwords,
                    claimed.job_id, PERSON_WAITS,
                )  # fmt: skip
        except DocumentRefused as error:
            refused.append((claimed.file_name, str(error)))


class Progress:
    """Keeps how many pages of a job are recognised, about once a second."""

    def __init__(self, store: Store, job_id: str) -> None:
        """Begin at nothing."""
        self._store = store
        self._job_id = job_id
        self._lock = threading.Lock()
        self._pages = 0
        self._said_at = time.monotonic()

    def add(self) -> None:
        """Count one page; it is called from several threads."""
        with self._lock:
            self._pages += 1
            if time.monotonic() - self._said_at < SAY_S:
                return
            self._said_at = time.monotonic()
            with suppress(StoreError):  # it is told for the eye alone
                note_recognised(self._store, self._job_id, self._pages)


def drop_placeholder(store: Store, claimed: Claimed) -> None:
    """Remove the row under which a file of many documents waited; its documents stand on their own."""
    with store.catalogue.transaction(claimed.request_id) as transaction:
        transaction.execute("UPDATE jobs SET document_id = NULL WHERE job_id = ?", (claimed.job_id,))
        transaction.execute("DELETE FROM documents WHERE document_id = ?", (claimed.document_id,))
