"""A store with people, documents and indexes, as short calls: the real parts, but the hash embedder."""

import secrets
from itertools import groupby

from app.accounts.people import add_group, add_user, groups_of, set_membership
from app.database.audit import Act
from app.inference.embedder import PROBES
from app.knowledge.bases import add_knowledge_base, change_readers
from app.knowledge.documents import set_access
from app.knowledge.indexes import Indexes
from app.knowledge.passage import Asker, Span
from app.knowledge.permissions import find_readers, rule_for
from app.knowledge.removal import delete_document
from app.knowledge.search import Question, Searcher
from app.knowledge.sources import ensure_source
from app.knowledge.spaces import commit_vectors, ensure_space, missing_vectors, switch_if_complete
from app.knowledge.texts import embedded_text
from app.knowledge.writing import CatalogueWriter, NewChunk, NewVersion
from tests.hash_embedder import HashEmbedder

LOCAL = Asker(None, reads_everything=True)


def act(action="test", target="-"):
    return Act(secrets.token_hex(8), "local:test", action, target)


def new_version(document_id, paragraphs, *, title="", content=None, page=0, language="en", **changes):
    """A version of one page whose chunks are its paragraphs."""
    spans, start = [], 0
    for paragraph in paragraphs:
        spans.append(Span(page, start, start + len(paragraph)))
        start += len(paragraph) + 2
    text = "\n\n".join(paragraphs)
    chunks = tuple(
        NewChunk("text", "", (span,), len(paragraph.split()), embedded_text(title, "", paragraph))
        for span, paragraph in zip(spans, paragraphs, strict=True)
    )
    return NewVersion(
        document_id, title, "text/plain", language, 1 if page else 0, ((page, text),), chunks,
        text.encode() if content is None else content, "test/1", "test/1", **changes,
    )  # fmt: skip


class World:
    """One store, written and served by this process."""

    def __init__(self, settings, store, folder, *, run_id="run1"):
        self.settings, self.store, self.folder = settings, store, folder
        self.writer = CatalogueWriter(store, run_id=run_id, actor="test")
        self.embedder = HashEmbedder()
        self.indexes = self.searcher = None
        self._opened = 0

    # --- people and bases ---

    def base(self, name="default", *, readers=()):
        with self.store.catalogue.transaction("test") as transaction:
            base_id = add_knowledge_base(transaction, name, asker=LOCAL, actor="test")
        if readers:
            self.grant(name, *readers)
        return base_id

    def grant(self, base, *names):
        change_readers(self.store, act(), base=base, names=list(names), granted=True)

    def revoke(self, base, *names):
        change_readers(self.store, act(), base=base, names=list(names), granted=False)

    def user(self, name):
        with self.store.catalogue.transaction("test") as transaction:
            return add_user(transaction, name)

    def group(self, name):
        with self.store.catalogue.transaction("test") as transaction:
            return add_group(transaction, name)

    def member(self, group, user, *, member=True):
        with self.store.catalogue.transaction("test") as transaction:
            set_membership(transaction, group, user, member=member)

    def asker(self, user_id):
        with self.store.catalogue.read() as connection:
            return Asker(user_id, groups_of(connection, user_id))

    # --- documents ---

    def document(self, base_id, external_id, *, readers=None, source="test"):
        with self.store.catalogue.transaction("test") as transaction:
            number = ensure_source(transaction, base_id, f"{source}-{base_id}")
            rule = None if readers is None else rule_for(transaction, find_readers(transaction.connection, readers))
        return self.writer.add_document(base_id, number, external_id, rule_number=rule)

    def put(self, base_id, external_id, *paragraphs, readers=None, **changes):
        """Add a document with its first version; return its id."""
        document_id = self.document(base_id, external_id, readers=readers)
        self.replace(document_id, *paragraphs, **changes)
        return document_id

    def replace(self, document_id, *paragraphs, **changes):
        return self.writer.write([new_version(document_id, paragraphs, **changes)])

    def delete(self, document_id):
        delete_document(self.store, act("delete document", document_id), document_id)

    def set_readers(self, document_id, readers):
        set_access(self.store, act(), document_id, readers)

    def fill(self, *, most=None):
        """Give chunks their vectors, as the filler does; return how many."""
        space = ensure_space(self.store, self.embedder.space, self.embedder.embed(PROBES))
        filled = 0
        while window := missing_vectors(self.store, space):
            for base_id, group in groupby(window, key=lambda missing: missing.knowledge_base_id):
                part = list(group)[: None if most is None else most - filled]
                vectors = self.embedder.embed_passages([missing.text for missing in part])
                commit_vectors(self.store, space, base_id, [missing.chunk_number for missing in part], vectors)
                filled += len(part)
                if most is not None and filled >= most:
                    return filled
        switch_if_complete(self.store, space)
        return filled

    # --- serving ---

    def open(self, *, in_memory=False, **retrieval):
        """Build the indexes as a starting service does."""
        self._opened += 1
        self.indexes = Indexes(self.store, None if in_memory else self.folder / f"ram-{self._opened}")
        self.indexes.build()
        chosen = self.settings.retrieval.model_copy(update=retrieval)
        self.searcher = Searcher(self.store, self.indexes, chosen)
        return self

    def follow(self):
        """Pass everything that is committed, Chroma too."""
        while self.indexes.follow():
            pass
        while not self.indexes.sync_chroma():
            pass
        self.indexes._counted_at = 0.0  # without the second's pause between two counts
        self.indexes.expect_counts()
        self.indexes.recount()

    def settle(self):
        """Follow and do what a service does when it is quiet."""
        self.follow()
        self.indexes.housekeep()

    def close(self, *, snapshot=False):
        if self.indexes is not None:
            if snapshot:
                self.settle()
                self.indexes.snapshot()
            self.indexes.close()
            self.indexes = None

    def find(self, text, asker=LOCAL, *, limit=10, mode="hybrid", base=None, documents=()):
        vector = None if mode == "words" else self.embedder.embed_queries([text])[0]
        return self.searcher.search(asker, Question(text, vector, limit, base, tuple(documents), mode))

    def texts(self, text, asker=LOCAL, **options):
        return [passage.text for passage in self.find(text, asker, **options).passages]

    def rows(self, statement, *values):
        with self.store.catalogue.read() as connection:
            return connection.execute(statement, values).fetchall()
