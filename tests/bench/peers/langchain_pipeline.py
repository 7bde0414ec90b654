"""The pipeline of LangChain's own tutorial for PDFs, on the disk, as one would write it: load, split, embed, store.

    python langchain_pipeline.py ORDER.json

The order names ``folder``, ``model`` (a sentence-transformers folder), ``store``, ``loader`` (pypdf or pypdfium2) and
``questions``; the answer is one JSON object on stdout: seconds by stage, pages, chunks, and for each question the
pages found, as (file, page from 1), best first, once each.
"""

import time

BEGAN = time.monotonic()  # before the imports, which are part of what a run costs

import json  # noqa: E402 - as above
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from langchain_chroma import Chroma  # noqa: E402
from langchain_community.document_loaders import PyPDFium2Loader, PyPDFLoader  # noqa: E402
from langchain_huggingface import HuggingFaceEmbeddings  # noqa: E402
from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: E402

LOADERS = {"pypdf": PyPDFLoader, "pypdfium2": PyPDFium2Loader}
PLACES, CANDIDATES = 10, 50


def place_of(document) -> tuple[str, int]:
    return Path(document.metadata["source"]).name, document.metadata["page"] + 1


def main(order: dict) -> dict:
    # The prompts that the model's makers ask for: without them it would be measured below its worth.
    embeddings = HuggingFaceEmbeddings(
        model_name=order["model"],
        model_kwargs={"device": "cpu", "local_files_only": True},
        encode_kwargs={"normalize_embeddings": True, "prompt": "passage: "},
        query_encode_kwargs={"normalize_embeddings": True, "prompt": "query: "},
    )
    ready = time.monotonic()
    pages = []
    for file in sorted(Path(order["folder"]).glob("*.pdf")):
        pages += LOADERS[order["loader"]](str(file)).load()
    loaded = time.monotonic()
    chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages)
    chunks = [chunk for chunk in chunks if chunk.page_content.strip()]
    split = time.monotonic()
    store = Chroma.from_documents(chunks, embeddings, persist_directory=order["store"])
    stored = time.monotonic()
    found = {}
    for question in order["questions"]:
        scope = {"source": str(Path(order["folder"]) / question["scope"])}
        hits = store.similarity_search(question["question"], k=CANDIDATES, filter=scope)
        found[question["id"]] = list(dict.fromkeys(place_of(hit) for hit in hits))[:PLACES]
    return {
        "seconds": {
            "load model": round(ready - BEGAN, 2),
            "read": round(loaded - ready, 2),
            "split": round(split - loaded, 2),
            "embed and store": round(stored - split, 2),
            "ingest": round(stored - ready, 2),
        },
        "at_end_of_ingest": stored - BEGAN,
        "pages": len(pages),
        "chunks": len(chunks),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "found": found,
    }


if __name__ == "__main__":
    json.dump(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sys.stdout)
