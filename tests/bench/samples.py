"""The sample documents' own questions, asked over HTTP: ranks by document and by page, and what is withheld.

Everyday questions, paraphrases that share no word with the passage, and Chinese questions on English files, all in
one bilingual knowledge base, as ``make run`` makes it.
"""

import json
from pathlib import Path

import httpx

from tests.bench.latency import served
from tests.bench.machine import describe_machine, own_store, run_command

SAMPLES_DIR = Path(__file__).parents[1] / "documents"
QUESTION_FILES = ("questions", "paraphrases", "cross_language")
DEPTHS = (1, 3, 5)
SEARCHED = 30


def measure() -> dict[str, object]:
    """Measure on a store of the samples."""
    with own_store() as environment:
        run_command(environment, "ingest", str(SAMPLES_DIR / "files"))
        with served(environment) as url:
            headers = {"Authorization": f"Bearer {environment['BENCH_API_KEY']}"}
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                sets = {name: over(client, questions_of(name)) for name in QUESTION_FILES}
    return {"machine": describe_machine(), "sets": sets}


def questions_of(name: str) -> list[dict]:
    return [json.loads(line) for line in (SAMPLES_DIR / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def over(client: httpx.Client, questions: list[dict]) -> dict[str, object]:
    """Ask all questions; count hits of the answerable ones, and answers withheld of both kinds."""
    answerable = [one for one in questions if one["answerable"]]
    ranks = {one["id"]: ranks_of(client, one) for one in answerable}
    withheld = {one["id"] for one in questions if not asked(client, one)["answerable"]}
    return {
        "answerable": len(answerable),
        "by_document": {f"hit@{depth}": sum(rank[0] <= depth for rank in ranks.values()) for depth in DEPTHS},
        "by_page": {f"hit@{depth}": sum(rank[1] <= depth for rank in ranks.values()) for depth in DEPTHS},
        "beyond_3": {name: rank for name, rank in ranks.items() if rank[0] > 3},
        "withheld": sorted(one["id"] for one in answerable if one["id"] in withheld),
        "not_in_the_documents": len(questions) - len(answerable),
        "recognised": sum(one["id"] in withheld for one in questions if not one["answerable"]),
    }


def asked(client: httpx.Client, question: dict) -> dict:
    return client.post("/v1/ask", json={"question": question["question"]}).raise_for_status().json()


def ranks_of(client: httpx.Client, question: dict) -> tuple[int, int]:
    """Return the rank of the first right document and of the first right page; 99 beyond what was searched."""
    reply = client.post("/v1/search", json={"query": question["question"], "limit": SEARCHED}).raise_for_status()
    gold = {(one["file"], one["page"]) if isinstance(one, dict) else (one, None) for one in question["gold"]}
    documents = list(dict.fromkeys(hit["external_id"] for hit in reply.json()["hits"]))
    pages = list(dict.fromkeys((hit["external_id"], hit["page"]) for hit in reply.json()["hits"]))
    by_document = [at for at, one in enumerate(documents, start=1) if one in {file for file, _ in gold}]
    by_page = [at for at, one in enumerate(pages, start=1) if one in gold]
    return (min(by_document, default=99), min(by_page, default=99))
