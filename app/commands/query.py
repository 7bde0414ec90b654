"""Commands that search and ask, and that look at documents and jobs: clients of the application."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands.client import call, call_on_document
from app.commands.output import say, show, show_json, show_rows
from app.settings import load_settings

Base = Annotated[str | None, typer.Option("--knowledge-base", help="All that may be read, if not named.")]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="With exactly this user's view.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

documents = typer.Typer(help="Documents: list, show, delete, access.", no_args_is_help=True)
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
        page = f", page {hit['page']}" if hit["page"] else ""
        show(f"{hit['rank']:>2}. {hit['title']}{page}\n    {' '.join(hit['text'].split())[:300]}")
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
        page = f", page {citation['page']}" if citation["page"] else ""
        show(f"[{citation['n']}] {citation['title']}{page} ({citation['external_id']})")
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


@documents.command("list")
def list_documents(
    knowledge_base: Base = None, state: str | None = None, shown_as: As = None, as_json: Json = False
) -> None:
    """List documents."""
    settings = load_settings()
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"cursor": cursor, "limit": 500}
        query |= {"knowledge_base": knowledge_base} if knowledge_base else {}
        query |= {"state": state} if state else {}
        page = call(settings, "GET", "/v1/documents", query=query, shown_as=shown_as)
        found += page["documents"]
        cursor = page["next_cursor"]
    if as_json:
        show_json({"documents": found})
    else:
        show_rows(found, ["document_id", "external_id", "title", "state", "version", "pages", "knowledge_base"])


DocumentName = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id, or its file name if only one has it.")]


@documents.command("show")
def show_document(document: DocumentName, shown_as: As = None) -> None:
    """Show one document."""
    show_json(call_on_document(load_settings(), "GET", document, shown_as=shown_as))


@documents.command("delete")
def delete_document(document: DocumentName) -> None:
    """Erase a document."""
    call_on_document(load_settings(), "DELETE", document)
    say("erased")


@documents.command("access")
def document_access(
    document: DocumentName,
    reader: Annotated[list[str] | None, typer.Option(help="user:NAME or group:NAME; may be repeated.")] = None,
    everybody: Annotated[bool, typer.Option("--all-readers", help="All who read its knowledge base.")] = False,
) -> None:
    """Say who of the readers of its knowledge base may read a document."""
    readers = None if everybody else (reader or [])
    call_on_document(load_settings(), "PUT", document, "/access", body={"readers": readers})
    say("changed")


@jobs.command("list")
def list_jobs(as_json: Json = False) -> None:
    """List jobs, newest first."""
    found = call(load_settings(), "GET", "/v1/jobs")
    if as_json:
        show_json(found)
    else:
        show_rows(found["jobs"], ["job_id", "file_name", "state", "created_at", "finished_at"])
