"""An ingest run: take documents in, in parallel, and write them as they are read.

One bad document is reported and the rest go on. Small documents are gathered, so that a large file of short ones
costs few commits, but never longer than a second. Scanned pages are recognised last: a folder of scans keeps nobody
waiting, and what else their documents say is findable meanwhile.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.database.audit import Act
from app.database.locks import hold_for_life
from app.database.store import Store
from app.errors import DocumentRefused, StoreError
from app.knowledge.bases import add_knowledge_base
from app.knowledge.passage import Asker
from app.knowledge.removal import delete_document
from app.knowledge.sources import ensure_source
from app.knowledge.writing import CatalogueWriter, Known, NewVersion
from app.logs import get_log
from app.settings import IngestSettings
from ingest.discover import FoundFile, NamedSource
from ingest.expand import Part, holds_many, parts_of
from ingest.prepare import Incoming, Prepared, Preparer
from ingest.report import Report

log = get_log(__name__)

GATHER_S = 1.0
GATHER_DOCUMENTS = 256
WAITING_SCANS_BYTES = 2**28  # of documents kept in memory until their pictures are read


def reason_of(error: Exception) -> str:
    """Return why a document was refused; what nobody foresaw is named by its class alone."""
    if isinstance(error, DocumentRefused):
        return str(error)
    log.error("document refused", reason_class=type(error).__name__)
    return f"an unexpected error ({type(error).__name__}); please report it"


@contextmanager
def open_run(store: Store, *, actor: str) -> Iterator[CatalogueWriter]:
    """Begin a run: what it writes carries its id, and its lock shows that it lives."""
    run_id = secrets.token_hex(8)
    with hold_for_life(store.lock_file(f"run-{run_id}"), what="this run"):
        yield CatalogueWriter(store, run_id=run_id, actor=actor)


def ensure_base(store: Store, name: str, *, actor: str, asker: Asker) -> str:
    """Return the id of a knowledge base, made if it is missing."""
    with store.catalogue.read() as connection:
        row = connection.execute("SELECT knowledge_base_id FROM knowledge_bases WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return str(row[0])
    act = Act(secrets.token_hex(8), actor, "add knowledge base", "-")
    with store.transaction(act) as transaction:
        return add_knowledge_base(transaction, name, asker=asker, actor=actor)


@dataclass(slots=True)
class Pipeline:
    """Takes named sources into one knowledge base."""

    store: Store
    writer: CatalogueWriter
    preparer: Preparer
    settings: IngestSettings
    base_id: str
    report: Report
    say: Callable[[str], None] = lambda _: None
    passwords: tuple[str, ...] = ()
    _seen: set[tuple[int, str]] = field(default_factory=set)
    _gathered: list[NewVersion] = field(default_factory=list)
    _gathered_at: float = 0.0
    _unread: list[str] = field(default_factory=list)  # of this source: what may hold documents that were not seen
    _scans: list[Incoming] = field(default_factory=list)

    def take(self, sources: Iterable[NamedSource], *, prune: bool) -> None:
        """Take sources in, and with ``prune`` erase what has vanished from those that were listed whole."""
        self._seen.clear()
        for source in sources:
            number = self._source_number(source.name)
            self.report.refused.extend(source.skipped)
            self._unread = []
            self._take_all(self._incoming(source, number))
            if prune and source.whole:
                self._prune_unless_unread(source.name, number)

    def forget(self, source: str, vanished: Iterable[str]) -> None:
        """Erase the documents of files and folders that vanished from a source, by their external ids."""
        number = self._source_number(source)
        for name in vanished:
            with self.store.catalogue.read() as connection:
                rows = connection.execute(
                    "SELECT document_id FROM documents WHERE source_number = ?"
                    " AND (external_id = ? OR substr(external_id, 1, ?) = ?)",
                    (number, name, len(name) + 1, name + "/"),
                ).fetchall()
            for (document_id,) in rows:
                self._erase(document_id)

    def _source_number(self, name: str) -> int:
        with self.store.catalogue.transaction(self.writer.run_id) as transaction:
            return ensure_source(transaction, self.base_id, name)

    def _incoming(self, source: NamedSource, source_number: int) -> Iterator[Incoming]:
        for found in source.files:
            try:
                content = self._content(found)
                readers, most_bytes = self.preparer.readers, self.settings.max_file_bytes
                for part in parts_of(found.external_id, content, readers, most_bytes=most_bytes):
                    if part.refused:
                        self._unread.append(part.shown)
                        self.report.refused.append((part.shown, part.refused))
                    elif (incoming := self._changed(source_number, part)) is not None:
                        yield incoming
            except DocumentRefused as error:
                if holds_many(found.external_id):
                    self._unread.append(found.external_id)
                self._refuse(found.external_id, str(error), source_number=source_number)

    def _content(self, found: FoundFile) -> bytes:
        try:
            size = found.file.stat().st_size
            if size > self.settings.max_file_bytes:
                raise DocumentRefused(f"{size:,} bytes; the limit is {self.settings.max_file_bytes:,}")
            return found.file.read_bytes()
        except OSError as error:
            raise DocumentRefused(f"cannot be opened: {error.strerror}") from error

    def _changed(self, source_number: int, part: Part) -> Incoming | None:
        """Return the document if its content is new; count it otherwise."""
        if (source_number, part.external_id) in self._seen:
            self.report.refused.append((part.shown, "another document of this run has the same id"))
            return None
        self._seen.add((source_number, part.external_id))
        known = self.writer.find(source_number, part.external_id)
        if known is not None and self._unchanged(known, part.content):
            self.report.unchanged += 1
            return None
        document_id = (
            known.document_id if known else self.writer.add_document(self.base_id, source_number, part.external_id)
        )
        return Incoming(
            document_id, part.shown, part.file_name, part.content, part.title, part.text, passwords=self.passwords
        )

    def _unchanged(self, known: Known, content: bytes) -> bool:
        return (
            known.content_hash == self.writer.content_hash(content)
            and known.reader == self.preparer.reader
            and known.splitter == self.preparer.splitter
            and not known.refused
        )

    def _take_all(self, incoming: Iterable[Incoming]) -> None:
        """Prepare a few documents at once and write them as they are done; those with scanned pages at the end."""
        under_way: dict[Future[Prepared], Incoming] = {}
        with ThreadPoolExecutor(self.settings.readers) as threads:
            for one in incoming:
                under_way[threads.submit(self.preparer.prepare, one)] = one
                while len(under_way) > 2 * self.settings.readers:
                    self._finish(under_way)
            while under_way:
                self._finish(under_way)
        self._write_gathered()
        self._recognise_waiting()

    def _finish(self, under_way: dict[Future[Prepared], Incoming]) -> None:
        """Gather what is done; wait until something is."""
        with self.report.stage("waiting for readers"):
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            incoming = under_way.pop(future)
            try:
                prepared = future.result()
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - one bad file never stops the rest
                self._refuse(incoming.shown, reason_of(error), document_id=incoming.document_id)
                continue
            if prepared.version is not None:
                self._gather(prepared.version)
            if prepared.scans:
                self._scans.append(incoming)
            elif prepared.version is not None:
                self._count(incoming, prepared.version)
        if sum(len(incoming.content) for incoming in self._scans) > WAITING_SCANS_BYTES:
            self._recognise_waiting()

    def _gather(self, version: NewVersion) -> None:
        """Keep a version for the next commit."""
        if not self._gathered:
            self._gathered_at = time.monotonic()
        self._gathered.append(version)
        if len(self._gathered) >= GATHER_DOCUMENTS or time.monotonic() - self._gathered_at > GATHER_S:
            self._write_gathered()

    def _count(self, incoming: Incoming, version: NewVersion) -> None:
        """Report a document that is taken."""
        self.report.taken += 1
        self.report.pages += version.pages
        self.report.chunks += len(version.chunks)
        self.report.notes.extend((incoming.shown, note) for note in version.notes)
        self.say(incoming.shown)

    def _recognise_waiting(self) -> None:
        """Recognise the scanned pages of the documents that wait for it, one document after the other."""
        self._write_gathered()
        waiting, self._scans = self._scans, []
        for incoming in waiting:
            with self.report.stage("recognising"):
                try:
                    version = self.preparer.recognise(incoming, lambda: None)
                except StoreError:
                    raise
                except Exception as error:  # noqa: BLE001 - as above
                    self._refuse(incoming.shown, reason_of(error), document_id=incoming.document_id)
                    continue
            self._gather(version)
            self._count(incoming, version)
        self._write_gathered()

    def _write_gathered(self) -> None:
        with self.report.stage("writing"):
            self.writer.write(self._gathered)
        self._gathered = []

    def _refuse(
        self, shown: str, reason: str, *, document_id: str | None = None, source_number: int | None = None
    ) -> None:
        self.report.refused.append((shown, reason))
        if document_id is None and source_number is not None:
            self._seen.add((source_number, shown))
            known = self.writer.find(source_number, shown)
            document_id = known.document_id if known else self.writer.add_document(self.base_id, source_number, shown)
        if document_id is not None:
            self.writer.refuse(document_id, reason)

    def _prune_unless_unread(self, name: str, source_number: int) -> None:
        """Erase what vanished; but where a file of many documents was not read whole, nobody knows what vanished."""
        if self._unread:
            self.report.notes.append((name, f"nothing was pruned: {self._unread[0]} could not be read"))
        else:
            self._prune(source_number)

    def _prune(self, source_number: int) -> None:
        with self.store.catalogue.read() as connection:
            rows = connection.execute(
                "SELECT document_id, external_id FROM documents WHERE source_number = ?", (source_number,)
            ).fetchall()
        for document_id, external_id in rows:
            if (source_number, external_id) not in self._seen:
                self._erase(document_id)

    def _erase(self, document_id: str) -> None:
        act = Act(self.writer.run_id, self.writer.actor, "prune document", document_id)
        delete_document(self.store, act, document_id)
        self.report.removed += 1
