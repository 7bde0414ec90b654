"""Commands that search and ask, and that look at jobs: clients of the application."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.client import call
from app.commands.output import place_of, say, show, show_json, show_rows
from app.settings import load_settings

Base = Annotated[str | None, typer.Option("--knowledge-base", help="All that may be read, if not named.")]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="With exactly this user's view.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

jobs = typer.Typer(help="Uploads under way.", no_args_is_help=True)


def search(
    words: Annotated[str, typer.Argument(help="What to search for.")],
    knowledge_base: Base = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 10,
    mode: Annotated[str, typer.Option(help="hybrid, words or vectors.")] = "hybrid",
    shown_as: As = None,
    as_json: Json = False,
) -> None:
    """Find passages."""
    body = {"query": words, "knowledge_base": knowledge_base, "limit": limit, "mode": mode}
    found = call(load_settings(), "POST", "/v1/search", body=body, shown_as=shown_as)
    if as_json:
        show_json(found)
        return
    for hit in found["hits"]:
        show(f"{hit['rank']:>2}. {hit['title']}{place_of(hit)}\n    {' '.join(hit['text'].split())[:300]}")
    if not found["hits"]:
        show("nothing found")
    index = found["index"]
    if index["pending"] or index["readable"]:
        say(f"{index['pending']} documents are still being read, {index['readable']} found by words alone so far")


def ask(
    question: Annotated[str, typer.Argument(help="In Chinese or English.")],
    knowledge_base: Base = None,
    shown_as: As = None,
    as_json: Json = False,
) -> None:
    """Ask a question and get a cited answer."""
    body = {"question": question, "knowledge_base": knowledge_base}
    answered = call(load_settings(), "POST", "/v1/ask", body=body, shown_as=shown_as)
    if as_json:
        show_json(answered)
        return
    show(answered["answer"])
    for citation in answered["citations"]:
        show(f"[{citation['n']}] {citation['title']}{place_of(citation)} ({citation['external_id']})")
    if answered["note"]:
        say(answered["note"])


def evaluate(
    queries: Annotated[Path, typer.Argument(metavar="QUERIES.jsonl[.gz]")],
    knowledge_base: Annotated[str, typer.Option("--knowledge-base")],
    mode: Annotated[str, typer.Option(help="hybrid, words or vectors.")] = "hybrid",
    as_json: Json = False,
) -> None:
    """Measure retrieval and abstention with judged questions."""
    from app.commands.evaluation import evaluate_queries

    result = evaluate_queries(load_settings(), queries, knowledge_base=knowledge_base, mode=mode)
    if as_json:
        show_json(result)
        return
    for name, value in result.items():
        show(f"{name:<12} {value}")


@jobs.command("list")
def list_jobs(as_json: Json = False) -> None:
    """List jobs, newest first."""
    found = call(load_settings(), "GET", "/v1/jobs")
    if as_json:
        show_json(found)
    else:
        show_rows(found["jobs"], ["job_id", "file_name", "state", "created_at", "finished_at"])
