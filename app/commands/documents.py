"""Commands on documents: clients of the application."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from app.commands.client import call, call_on_document, content_of, document_named, open_client
from app.commands.output import say, show, show_json, show_rows, sure
from app.commands.query import As, Base, Json
from app.settings import Settings, load_settings

MOST_CHARS = 200_000  # of one reply

documents = typer.Typer(help="Documents: list, show, delete, access.", no_args_is_help=True)


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
def show_document(
    document: DocumentName,
    page: Annotated[int | None, typer.Option(min=0, help="Of this page alone; 0: of what belongs to no page.")] = None,
    text: Annotated[bool, typer.Option("--text", help="The text that was read.")] = False,
    chunks: Annotated[bool, typer.Option("--chunks", help="The chunks it was cut into, which searches find.")] = False,
    shown_as: As = None,
) -> None:
    """Show one document, or what was read of it."""
    settings = load_settings()
    if text or chunks or page is not None:
        asyncio.run(show_read(settings, document, page, shown_as, text=text or not chunks, chunks=chunks))
    else:
        show_json(call_on_document(settings, "GET", document, shown_as=shown_as))


async def show_read(
    settings: Settings, document: str, page: int | None, shown_as: str | None, *, text: bool, chunks: bool
) -> None:
    """Print what was read of a document, stretch by stretch, so that a long one needs no memory."""
    async for read in each_stretch(settings, document, page, shown_as):
        if read["start"] == 0 and read["pages"]:
            from_picture = "" if read["recognised"] is None else f", {sure(read['recognised']['confidence'])}"
            number = f"page {read['page']} of {read['pages']}" if read["page"] else "attached files"
            show(f"== {number}{from_picture}")
        if text:
            show(read["text"])
        if chunks:
            for line in chunk_lines(read):
                show(line)


async def each_stretch(
    settings: Settings, document: str, page: int | None, shown_as: str | None
) -> AsyncIterator[dict[str, Any]]:
    """Yield the texts of a page, or of all pages."""
    headers = {"Strongroom-As": shown_as} if shown_as else {}
    async with open_client(settings) as client:
        path = f"/v1/documents/{await document_named(client, document, headers)}"
        pages = [page]
        if page is None:
            found = content_of(await client.get(path, headers=headers))
            pages = [*range(1, (found["pages"] or 0) + 1)] or [0]
        for number in pages:
            start: int | None = 0
            while start is not None:
                asked = {"start": start, "limit": MOST_CHARS}
                read = content_of(await client.get(f"{path}/pages/{number}", params=asked, headers=headers))
                yield read
                start = read["next_start"]
            if page is None and number == read["pages"] > 0 and read["beside_pages"]:
                pages.append(0)


def chunk_lines(read: dict[str, Any]) -> list[str]:
    """Return the chunks of a text and what is in none of them, in reading order."""
    said = [
        (chunk["spans"][-1][1], f"-- chunk {chunk['ordinal'] + 1}, {chunk['kind']}, {chunk['tokens']} tokens"
         f"{', ' + chunk['heading'] if chunk['heading'] else ''}", chunk["spans"])
        for chunk in read["chunks"]
    ]  # fmt: skip
    said += [(end, "-- in no chunk", [[start, end]]) for start, end in read["margins"]]
    lines: list[str] = []
    for _, head, spans in sorted(said, key=lambda one: one[0]):
        lines += [head, "\n".join(read["text"][start:end] for start, end in spans), ""]
    return lines


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
