"""The queue worker: takes uploads out of the queue, and fills vectors, until it is told to end."""

import threading
from collections.abc import Iterator
from contextlib import suppress

from app.database.locks import hold_for_life
from app.database.store import Store
from app.errors import DocumentRefused, StoreError, StrongroomError
from app.inference.embedder import load_token_counter
from app.knowledge.jobs import Claimed, claim_job, finish_job, read_upload, release_job
from app.knowledge.removal import finish_erasures, sweep
from app.knowledge.writing import PERSON_WAITS, CatalogueWriter, NewVersion
from app.logs import get_log
from app.reading.pool import ReaderPool
from app.settings import Settings
from ingest.filling import VectorFiller
from ingest.jsonl import is_jsonl, read_lines
from ingest.pipeline import open_run, reason_of
from ingest.prepare import Incoming, Preparer

IDLE_S = 0.2
RETRY_S = 2.0
MOST_EXPANDED_BYTES = 2**30
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
            try:
                while not ending.is_set():
                    if filler is not None and filler.ended:
                        filler.stop()
                        filler = None
                        ending.wait(RETRY_S)
                    filler = filler or start_filler(store, settings)
                    if not take_next(store, writer, preparer):
                        ending.wait(IDLE_S)
            finally:
                if filler is not None:
                    filler.stop()


def start_filler(store: Store, settings: Settings) -> VectorFiller | None:
    """Begin to fill vectors, unless an ingest beside us does; it is tried again until it is our turn."""
    filler = VectorFiller(store, settings)
    if filler.start():
        return filler
    filler.stop()
    return None


def take_next(store: Store, writer: CatalogueWriter, preparer: Preparer) -> bool:
    """Do one job; False if none waits. A store that is full or busy leaves the job for later."""
    claimed: Claimed | None = None
    try:
        claimed = claim_job(store, writer.run_id)
        if claimed is None:
            return False
        do_job(store, writer, preparer, claimed)
    except StrongroomError as error:
        log.error("job failed", code=error.code)
        threading.Event().wait(RETRY_S)
        if claimed is not None:
            with suppress(StoreError):
                release_job(store, claimed.job_id)
    return True


def do_job(store: Store, writer: CatalogueWriter, preparer: Preparer, claimed: Claimed) -> None:
    """Read one upload and make it the document's current version, or keep the reason why not."""
    if claimed.attempts > MOST_ATTEMPTS:
        reason = "reading it ended the worker several times; it is left out"
        writer.refuse(claimed.document_id, reason)
        finish_job(store, claimed, refused=[(claimed.file_name, reason)], sequence=0)
        return
    content = b"".join(read_upload(store, claimed))
    refused: list[tuple[str, str]] = []
    versions: list[NewVersion] = []
    for incoming in unpacked(store, writer, claimed, content, refused):
        try:
            versions.append(preparer.prepare(incoming))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad document never stops the queue
            refused.append((incoming.shown, reason_of(error)))
            writer.refuse(incoming.document_id, reason_of(error))
    sequence = writer.write(versions)
    if is_jsonl(claimed.file_name):
        drop_placeholder(store, claimed)
    finish_job(store, claimed, refused=refused, sequence=sequence)
    log.info("job done", job_id=claimed.job_id, documents=len(versions), count=len(refused))


def unpacked(
    store: Store, writer: CatalogueWriter, claimed: Claimed, content: bytes, refused: list[tuple[str, str]]
) -> Iterator[Incoming]:
    """Yield the documents of an upload: itself, or the lines of a JSONL file."""
    if not is_jsonl(claimed.file_name):
        yield Incoming(
            claimed.document_id, claimed.file_name, claimed.file_name, content, job_id=claimed.job_id,
            priority=PERSON_WAITS,
        )  # fmt: skip
        return
    with store.catalogue.read() as connection:
        source_number, rule_number = connection.execute(
            "SELECT source_number, rule_number FROM documents WHERE document_id = ?", (claimed.document_id,)
        ).fetchone()
    try:
        for line in read_lines(content, file_name=claimed.file_name, most_bytes=MOST_EXPANDED_BYTES):
            shown = f"{claimed.file_name}:{line.number}"
            if line.refused:
                refused.append((shown, line.refused))
                continue
            known = writer.find(source_number, line.external_id)
            if known is not None and known.content_hash == writer.content_hash(line.content):
                continue
            document_id = (
                known.document_id
                if known
                else writer.add_document(claimed.base_id, source_number, line.external_id, rule_number=rule_number)
            )
            yield Incoming(
                document_id, shown, claimed.file_name, line.content, title=line.title, text=line.text,
                job_id=claimed.job_id, priority=PERSON_WAITS,
            )  # fmt: skip
    except DocumentRefused as error:
        refused.append((claimed.file_name, str(error)))


def drop_placeholder(store: Store, claimed: Claimed) -> None:
    """Remove the row under which a file of many documents waited; its documents stand on their own."""
    with store.catalogue.transaction(claimed.request_id) as transaction:
        transaction.execute("UPDATE jobs SET document_id = NULL WHERE job_id = ?", (claimed.job_id,))
        transaction.execute("DELETE FROM documents WHERE document_id = ?", (claimed.document_id,))
