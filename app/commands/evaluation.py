"""Measuring retrieval, answers and abstention with judged questions, over the same routes that people use.

Documents (or pages, where a gold entry names one) are ranked by their best chunk and counted once before k. The
positive class of abstention is "not in the documents"; answerable and unanswerable questions weigh 1:1, with the
figures of the raw mix beside it.
"""

import asyncio
import gzip
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, Success, nDCG

from app.commands.client import content_of, open_client
from app.errors import UsageError
from app.settings import Settings

SEARCH_LIMIT = 100
MEASURES = {
    "hit@1": Success @ 1,
    "hit@5": Success @ 5,
    "hit@10": Success @ 10,
    "mrr@10": RR @ 10,
    "ndcg@10": nDCG @ 10,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with what it should find; ``gold`` are keys of documents or pages."""

    query_id: str
    question: str
    answers: tuple[str, ...]
    gold: frozenset[str]
    by_page: bool
    answerable: bool
    history: list[dict[str, str]]
    scope: str | None


@dataclass(slots=True)
class Outcome:
    """What came back for one question."""

    ranked: list[str]
    confidence: float
    milliseconds: float
    said_unanswerable: bool | None = None
    answer_right: bool | None = None


def evaluate_queries(settings: Settings, file: Path, *, knowledge_base: str, mode: str) -> dict[str, Any]:
    """Ask every question and return the figures.

    Raises:
        UsageError: the file cannot be read, or a line is not a judged question.
    """
    judged = read_judged(file)
    outcomes = asyncio.run(ask_all(settings, judged, knowledge_base, mode))
    return figures(judged, outcomes)


def read_judged(file: Path) -> list[Judged]:
    """Read the questions of a file."""
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        return [judged_of(json.loads(line)) for line in raw.decode().splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} does not hold judged questions: {error}") from error


def judged_of(entry: dict[str, Any]) -> Judged:
    """Read one line."""
    gold = entry.get("gold") or []
    by_page = any(isinstance(one, dict) and one.get("page") is not None for one in gold)
    keys = frozenset(key_of(one["file"], one.get("page")) if isinstance(one, dict) else str(one) for one in gold)
    return Judged(
        query_id=str(entry["id"]),
        question=str(entry["question"]),
        answers=tuple(entry.get("answers") or ()),
        gold=keys,
        by_page=by_page,
        answerable=bool(entry["answerable"]),
        history=turns_of(entry.get("history") or []),
        scope=entry.get("scope"),
    )


def turns_of(history: list[Any]) -> list[dict[str, str]]:
    """Return earlier turns as pairs; lists of question and answer, or of role and text, are understood."""
    turns: list[dict[str, str]] = []
    for one in history:
        if "question" in one:
            turns.append({"question": str(one["question"]), "answer": str(one.get("answer", ""))})
        elif one.get("role", one.get("speaker")) == "user":
            turns.append({"question": str(one.get("text", one.get("content", ""))), "answer": ""})
        elif turns:
            turns[-1]["answer"] = str(one.get("text", one.get("content", "")))
    return turns


def key_of(external_id: str, page: int | None) -> str:
    """Return the key of a page, or of a document without one."""
    return external_id if page is None else f"{external_id}#page={page}"


async def ask_all(settings: Settings, judged: list[Judged], base: str, mode: str) -> list[Outcome]:
    """Search for every question, and ask those whose answer can be checked."""
    async with open_client(settings) as client:
        ids = await document_ids(client, base)
        return [await outcome_of(client, one, base, mode, ids) for one in judged]


async def document_ids(client: Any, base: str) -> dict[str, str]:  # noqa: ANN401 - an httpx client
    """Return document ids by external id."""
    found: dict[str, str] = {}
    cursor: str | None = ""
    while cursor is not None:
        reply = await client.get("/v1/documents", params={"knowledge_base": base, "cursor": cursor, "limit": 500})
        page = content_of(reply)
        found |= {one["external_id"]: one["document_id"] for one in page["documents"]}
        cursor = page["next_cursor"]
    return found


async def outcome_of(client: Any, judged: Judged, base: str, mode: str, ids: dict[str, str]) -> Outcome:  # noqa: ANN401
    """Search for one question, and ask it in the hybrid mode."""
    scope = [ids[judged.scope]] if judged.scope in ids else []
    body = {"query": judged.question, "knowledge_base": base, "limit": SEARCH_LIMIT, "mode": mode}
    reply = content_of(await client.post("/v1/search", json=body | {"filters": {"document_ids": scope}}))
    ranked: dict[str, None] = {}
    for hit in reply["hits"]:
        ranked[key_of(hit["external_id"], hit["page"] if judged.by_page else None)] = None
    outcome = Outcome(list(ranked), reply["confidence"], float(reply["timings_ms"]["total"]))
    if mode == "hybrid":
        asked = {"question": judged.question, "knowledge_base": base, "history": judged.history}
        answered = content_of(await client.post("/v1/ask", json=asked | {"filters": {"document_ids": scope}}))
        outcome.said_unanswerable = not answered["answerable"]
        if judged.answers:
            text = folded(answered["answer"])
            outcome.answer_right = any(folded(answer) in text for answer in judged.answers)
    return outcome


def folded(text: str) -> str:
    """Return text as answers are compared: NFKC, lower case, no white space."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def figures(judged: list[Judged], outcomes: list[Outcome]) -> dict[str, Any]:
    """Compute the figures."""
    scored = [(one, outcome) for one, outcome in zip(judged, outcomes, strict=True) if one.answerable and one.gold]
    qrels = {one.query_id: dict.fromkeys(one.gold, 1) for one, _ in scored}
    run = {
        one.query_id: {key: float(len(outcome.ranked) - rank) for rank, key in enumerate(outcome.ranked)}
        for one, outcome in scored
    }
    found = ir_measures.calc_aggregate(list(MEASURES.values()), qrels, run) if scored else {}
    result: dict[str, Any] = {name: round(float(found.get(measure, 0.0)), 4) for name, measure in MEASURES.items()}
    checked = [outcome.answer_right for outcome in outcomes if outcome.answer_right is not None]
    result["answer"] = {"contains": round(float(np.mean(checked)), 4) if checked else None, "questions": len(checked)}
    result["abstention"] = abstention(judged, outcomes)
    times = [outcome.milliseconds for outcome in outcomes]
    result["latency_ms"] = {
        f"p{share}": round(float(np.percentile(times, share)), 2) if times else None for share in (50, 95, 99)
    }
    result["queries"] = len(judged)
    return result


def abstention(judged: list[Judged], outcomes: list[Outcome]) -> dict[str, float | None]:
    """Judge "not in the documents": precision and recall of what was said, 1:1 and raw, and the AUROC."""
    doubt = np.array([1.0 - outcome.confidence for outcome in outcomes])
    missing = np.array([not one.answerable for one in judged], bool)
    said = np.array([bool(outcome.said_unanswerable) for outcome in outcomes])
    if not missing.any() or missing.all() or any(outcome.said_unanswerable is None for outcome in outcomes):
        return {"precision": None, "recall": None, "auroc": None}
    caught, false_alarms = float(said[missing].mean()), float(said[~missing].mean())
    raw = float(missing[said].mean()) if said.any() else None
    ranks = doubt[missing][:, None] - doubt[~missing][None, :]
    return {
        "precision": round(caught / (caught + false_alarms), 4) if caught + false_alarms else None,
        "recall": round(caught, 4),
        "auroc": round(float((ranks > 0).mean() + (ranks == 0).mean() / 2), 4),
        "precision_raw_mix": None if raw is None else round(raw, 4),
    }
