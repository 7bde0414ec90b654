"""LangChain's own conformance tests on our retriever and our embeddings, over real indexes."""

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_tests.integration_tests import EmbeddingsIntegrationTests, RetrieversIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests
from pydantic import ValidationError

from app.database.store import create_store
from app.errors import ModelUnavailable
from app.knowledge.passage import Passage
from app.langchain import EmbedderEmbeddings, KnowledgeRetriever, to_document
from app.settings import load_settings
from tests.hash_embedder import HashEmbedder
from tests.integration.knowledge.world import World


@pytest.fixture(scope="class")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    places = {f"KB_{name}": str(folder / name) for name in ("DATA_DIR", "KEY_FILE", "RAM_DIR", "MODELS_DIR")}
    settings = load_settings(places)
    with create_store(settings) as store:
        made = World(settings, store, folder)
        ann = made.user("ann")
        base = made.base(readers=("user:ann",))
        made.put(base, "manual.md", *(f"Pump {number} is checked every week." for number in range(8)), title="Manual",
                 page=2)  # fmt: skip
        made.put(base, "secret.md", "Pump 99 is checked in secret.", readers=())
        made.fill()
        made.open()
        made.ann = made.asker(ann)
        yield made
        made.close()


class TestKnowledgeRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _opened(self, world):
        self.world = world

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return KnowledgeRetriever

    @property
    def retriever_constructor_params(self) -> dict:
        return {"search": lambda query, limit: self.world.find(query, self.world.ann, limit=limit).passages}

    @property
    def retriever_query_example(self) -> str:
        return "Which pump is checked?"

    def test_it_sees_what_its_asker_sees(self, retriever):
        found = retriever.invoke("Pump 99 in secret", k=50)

        assert len(found) == 8
        assert {document.metadata["external_id"] for document in found} == {"manual.md"}

    def test_a_document_carries_its_place(self, retriever):
        document = retriever.invoke("Pump 3")[0]

        assert document.page_content.startswith("Pump 3 ")
        assert document.id == document.metadata["chunk_id"]
        assert set(document.metadata) == {
            "chunk_id", "document_id", "external_id", "title", "page", "heading", "knowledge_base"
        }  # fmt: skip
        assert (document.metadata["title"], document.metadata["page"]) == ("Manual", 2)

    def test_it_drops_into_a_chain(self, retriever):
        chain = retriever | RunnableLambda(len)

        assert chain.invoke("pump") == 8

    async def test_a_search_that_can_be_awaited_is_awaited(self, retriever):
        async def search(query, limit):
            return self.world.find(query, self.world.ann, limit=limit).passages

        awaited = KnowledgeRetriever(search=refuse, search_async=search, k=2)
        assert await awaited.ainvoke("pump") == (await retriever.ainvoke("pump"))[:2]

    def test_what_the_search_refuses_reaches_the_caller(self):
        with pytest.raises(ModelUnavailable):
            KnowledgeRetriever(search=refuse).invoke("pump")

    @pytest.mark.parametrize("k", [0, -1, 101])
    def test_an_impossible_number_is_refused(self, k):
        with pytest.raises(ValidationError):
            KnowledgeRetriever(search=refuse, k=k)

    def test_it_does_not_show_what_it_searches_with(self, retriever):
        assert "lambda" not in repr(retriever)
        assert "search" not in retriever.model_dump()


def refuse(query, limit):
    raise ModelUnavailable("no model")


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[EmbedderEmbeddings]:
        return EmbedderEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        return {"embedder": HashEmbedder()}


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[EmbedderEmbeddings]:
        return EmbedderEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        return {"embedder": HashEmbedder()}

    def test_vectors_are_those_of_the_embedder(self, model):
        texts = ["pump", "离心泵"]
        assert model.embed_documents(texts) == HashEmbedder().embed_passages(texts).tolist()
        assert model.embed_query("pump") == HashEmbedder().embed_queries(["pump"])[0].tolist()
        assert model.embed_documents([]) == []


def test_a_passage_without_pages_has_no_page():
    passage = Passage("c1", "d1", "a.md", "default", "Title", None, "A > B", "text", "Ten days.")

    assert to_document(passage) == Document(
        id="c1",
        page_content="Ten days.",
        metadata={
            "chunk_id": "c1", "document_id": "d1", "external_id": "a.md", "title": "Title", "page": None,
            "heading": "A > B", "knowledge_base": "default",
        },
    )  # fmt: skip
