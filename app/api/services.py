"""The services behind the routes, opened in order and closed in reverse. Whoever calls ``open_services`` owns them."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.accounts.api_keys import Account
from app.accounts.sessions import Sessions
from app.accounts.sign_in import SignIn
from app.answering.answer import answer
from app.answering.conversation import standalone_question
from app.answering.events import Event
from app.api.metrics import Metrics
from app.database.audit import Act
from app.database.locks import hold_for_life
from app.database.store import Store, open_store
from app.errors import ModelUnavailable, StrongroomError, TooBusy
from app.inference.batching import QueryBatcher
from app.inference.chat import Chat, VllmChat
from app.inference.embedder import PROBES, Embedder, agree, open_query_embedder
from app.knowledge.follower import Follower
from app.knowledge.indexes import Indexes
from app.knowledge.neighbours import read_around
from app.knowledge.passage import Asker, Found, Passage
from app.knowledge.ram import own_ram_folder
from app.knowledge.removal import finish_erasures, sweep
from app.knowledge.search import Question, Searcher
from app.knowledge.uploads import Uploads
from app.logs import get_log
from app.reading.pictures import PagePictures
from app.settings import Settings, quiet_libraries
from app.vault.keys import Purpose, keyed_hash

LEAST_RAM_FOLDER_BYTES = 256 * 2**20  # below it, as in a container with the default /dev/shm, indexes stay in memory
THREADS = 16  # they wait for the disk (audit) more than they compute
T = TypeVar("T")

log = get_log(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as the routes need it.

    Attributes:
        account: the person or program; ``actor`` of it stands in the audit trail.
        asker: what the search decides by.
        local: came over the store's own socket: the holder of the key.
    """

    account: Account
    asker: Asker
    local: bool


@dataclass(slots=True)
class Services:
    """What the routes use. ``embedder`` and ``chat`` are None where there is none."""

    settings: Settings
    store: Store
    indexes: Indexes
    follower: Follower
    searcher: Searcher
    uploads: Uploads
    sessions: Sessions
    sign_in: SignIn
    pictures: PagePictures
    metrics: Metrics
    threads: ThreadPoolExecutor
    embedder: Embedder | None = None
    batcher: QueryBatcher | None = None
    chat: Chat | None = None
    embedder_trouble: str = ""
    under_way: int = 0

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Hold one of the places for searches and answers.

        Raises:
            TooBusy: all are taken.
        """
        if self.under_way >= self.settings.server.max_searches_at_once:
            self.metrics.refused_busy.inc()
            raise TooBusy("too many questions are under way")
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    async def search(self, caller: Caller, question: Question, *, request_id: str, action: str) -> Found:
        """Search, and record which passages will be shown before anyone sees them.

        Raises:
            NotFound: the knowledge base does not exist, or is not for this caller.
            StoreError: it could not be recorded, so nothing is shown.
        """
        begun = asyncio.get_running_loop().time()
        vector, embed_ms = question.vector, 0.0
        if question.mode != "words":
            vector = await self._embed(question.text)
            embed_ms = (asyncio.get_running_loop().time() - begun) * 1000
        found = await self.in_thread(
            lambda: self._search_and_record(caller, replace(question, vector=vector), request_id, action)
        )
        timings = {"embed": round(embed_ms, 3)} | found.timings_ms
        timings["total"] = round((asyncio.get_running_loop().time() - begun) * 1000, 3)
        self.metrics.searched(timings)
        return replace(found, timings_ms=timings)

    async def _embed(self, text: str) -> NDArray[np.float32] | None:
        embedder = self.embedder
        if self.batcher is None or embedder is None or self.indexes.space is None:
            return None
        if self.indexes.space.space_id != embedder.space.space_id:
            return None  # the store is on its way to another model: words alone until it has switched
        if embedder.unknown_share(text) > self.settings.retrieval.unknown_token_share:
            return None
        return await self.batcher.embed(text)

    def _search_and_record(self, caller: Caller, question: Question, request_id: str, action: str) -> Found:
        found = self.searcher.search(caller.asker, question)
        if action == "ask" and self.chat is None:
            found = replace(found, around=self._around(caller, found))
        shown = [passage.chunk_id for passage in found.passages]
        shown += [passage.chunk_id for chunks in found.around.values() for passage in chunks]
        detail: dict[str, object] = {
            "question": self.question_hash(question.text),
            "passages": list(dict.fromkeys(shown)),
        }
        target = "knowledge bases" if question.knowledge_base is None else "knowledge base"
        act = Act(request_id, caller.account.actor, action, target, detail)
        self.store.audit.record(act, "intended" if action == "ask" else "done")
        return found

    def _around(self, caller: Caller, found: Found) -> dict[str, tuple[Passage, ...]]:
        """Read the chunks around what was found: extracts show whole units, which may run over a chunk's border."""
        with self.store.catalogue.read() as connection:
            permit = self.searcher.permit(connection, caller.asker)
            return read_around(self.store, connection, permit, found.passages)

    def question_hash(self, text: str) -> str:
        """Return the keyed hash under which a question is recorded: equal ones can be recognised, none read."""
        return keyed_hash(self.store.key(Purpose.AUDIT_QUERIES), text.encode()).hex()[:32]

    async def ask(
        self,
        caller: Caller,
        question: str,
        *,
        knowledge_base: str | None,
        history: list[tuple[str, str]],
        document_ids: tuple[str, ...],
        request_id: str,
    ) -> AsyncGenerator[Event, None]:
        """Answer, as a stream of events; the outcome is recorded after the last one."""
        searched = Question(
            text=standalone_question(question, history),
            vector=None,
            limit=self.settings.answers.passages,
            knowledge_base=knowledge_base,
            document_ids=document_ids,
        )
        found = await self.search(caller, searched, request_id=request_id, action="ask")
        events = answer(
            question,
            found,
            chat=self.chat,
            settings=self.settings.answers,
            chat_settings=self.settings.chat,
            history=history,
            cache_salt=self.cache_salt(caller),
        )
        outcome = "failed"
        try:
            async for event in events:
                yield event
            outcome = "done"
        finally:
            await events.aclose()
            act = Act(request_id, caller.account.actor, "ask", "answer", {})
            await asyncio.shield(self.in_thread(lambda: self.store.audit.record(act, outcome)))

    def cache_salt(self, caller: Caller) -> str:
        """Return a salt that keeps askers of different permissions apart in the model server's prefix cache."""
        who = f"{caller.asker.user_id}|{sorted(caller.asker.group_ids)}|{caller.asker.reads_everything}"
        return keyed_hash(self.store.key(Purpose.AUDIT_QUERIES), who.encode()).hex()[:32]


@asynccontextmanager
async def open_services(settings: Settings, *, metrics: Metrics | None = None) -> AsyncIterator[Services]:
    """Open store, indexes, models and chat; searches are right when this yields.

    Raises:
        StoreBusy: another service runs on this store.
        StoreError: the store or its key.
    """
    async with AsyncExitStack() as opened:
        store = opened.enter_context(open_store(settings))
        opened.enter_context(hold_for_life(store.lock_file("serve"), what="a service"))
        ram_dir = opened.enter_context(own_ram_folder(settings, store.store_id))
        quiet_libraries(ram_dir)
        threads = opened.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="service"))
        loop = asyncio.get_running_loop()
        loading = loop.run_in_executor(threads, lambda: open_embedder(settings))
        indexes = await loop.run_in_executor(threads, lambda: open_indexes(store, ram_dir))
        opened.callback(indexes.close)
        follower = Follower(indexes)
        embedder, trouble = await loading
        if embedder is not None:
            opened.callback(embedder.close)
            trouble = await loop.run_in_executor(threads, lambda: probe_trouble(indexes, embedder))
        server = settings.server
        sessions = Sessions(store, idle_minutes=server.session_idle_minutes, hours=server.session_hours)
        services = Services(
            settings=settings,
            store=store,
            indexes=indexes,
            follower=follower,
            searcher=Searcher(store, indexes, settings.retrieval),
            uploads=Uploads(store),
            sessions=sessions,
            sign_in=SignIn(store, sessions, threads),
            pictures=opened.enter_context(PagePictures(settings.ingest)),
            metrics=metrics or Metrics(),
            threads=threads,
            embedder=None if trouble else embedder,
            embedder_trouble=trouble,
        )
        if services.embedder is not None:
            services.batcher = await opened.enter_async_context(QueryBatcher(services.embedder))
        if settings.chat.base_url is not None:
            services.chat = VllmChat(settings.chat)
            opened.push_async_callback(services.chat.close)
        follower.start()
        opened.callback(stop_following, follower, indexes)
        yield services


def open_indexes(store: Store, ram_dir: Path) -> Indexes:
    """Finish what an earlier process left open, then build the indexes."""
    finish_erasures(store)
    sweep(store)
    roomy = shutil.disk_usage(ram_dir).free >= LEAST_RAM_FOLDER_BYTES
    if not roomy:
        log.warning("indexes in memory, no snapshots", stage="the RAM folder is small")
    indexes = Indexes(store, ram_dir if roomy else None)
    try:
        indexes.build()
    except BaseException:
        indexes.close()
        raise
    return indexes


def open_embedder(settings: Settings) -> tuple[Embedder | None, str]:
    """Open the query embedder; without one search goes on by words, and the trouble is said."""
    try:
        return open_query_embedder(settings.embedding, settings.models_dir), ""
    except ModelUnavailable as error:
        log.error("no embedder", code=error.code)
        return None, f"{error} {error.advice}"


def probe_trouble(indexes: Indexes, embedder: Embedder) -> str:
    """Check that this machine's vectors mix with the store's: the probe texts must agree."""
    space = indexes.space
    if space is None or space.space_id != embedder.space.space_id:
        return ""
    if agree(embedder.embed_passages(PROBES), space.probes):
        return ""
    return "the model of this machine gives other vectors than those of the store; search goes by words alone"


def stop_following(follower: Follower, indexes: Indexes) -> None:
    """End the follower, then seal snapshots at rest: a clean stop."""
    follower.stop()
    try:
        indexes.follow()
        indexes.housekeep()
        indexes.snapshot()
    except StrongroomError as error:
        log.error("no snapshot", code=error.code)
