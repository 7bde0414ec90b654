"""Documents and jobs over HTTP.

Who may read a knowledge base may add to it; who sent a document, or an administrator who may read it, may replace or
delete it and decide who reads it.
"""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, File, Form, Header, Query, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse

from app.api.access import CallerNeeded, RequestId, ServicesNeeded
from app.api.document_schemas import AcceptedReply, DocumentAccessRequest, DocumentReply, DocumentsReply, JobReply
from app.api.services import Caller, Services
from app.database.audit import Act
from app.errors import NotFound, NotPermitted, TooLarge, UsageError
from app.knowledge.documents import Document, list_documents, open_original, read_document, set_access
from app.knowledge.jobs import JobState, read_jobs
from app.knowledge.removal import delete_document
from app.knowledge.uploads import Accepted, Upload

router = APIRouter(prefix="/v1", tags=["documents"])
DEFAULT_BASE = "default"
MOST_PASSWORD_CHARS = 200


@router.post("/documents", operation_id="upload", status_code=202, response_model=AcceptedReply)
async def upload(  # noqa: PLR0913 - the fields of the form
    services: ServicesNeeded,
    caller: CallerNeeded,
    request_id: RequestId,
    *,
    file: Annotated[UploadFile, File()],
    knowledge_base: Annotated[str, Form()] = DEFAULT_BASE,
    access: Annotated[str | None, Form(description="user:NAME,group:NAME; empty: as the knowledge base")] = None,
    replace: Annotated[str | None, Form(description="document that this is a new version of")] = None,
    keep_both: Annotated[bool, Form()] = False,
    password: Annotated[str | None, Form(max_length=MOST_PASSWORD_CHARS, description="opens a protected PDF")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> JSONResponse:
    """Take a document in. 202 with a job; 200 if this very document is there already."""
    content = await read_bounded(file, services.settings.server.max_upload_bytes)
    readers = tuple(one.strip() for one in access.split(",") if one.strip()) if access else None
    sent = Upload(
        file_name=file.filename or "",
        content=content,
        knowledge_base=knowledge_base,
        readers=readers,
        replace=replace,
        keep_both=keep_both,
        idempotency_key=idempotency_key,
        password=password or None,
    )

    def accept() -> Accepted:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            if replace is not None:
                read_document(connection, permit, replace)
                check_owner(services, caller, replace)
        act = Act(request_id, caller.account.actor, "upload document", replace or "new document")
        return services.uploads.accept(sent, act=act, permit=permit, owner=caller.account.actor)

    accepted = await services.in_thread(accept)
    services.follower.nudge()
    reply = AcceptedReply(document_ids=[accepted.document_id], job_id=accepted.job_id)
    return JSONResponse(reply.model_dump(), 202 if accepted.job_id else 200)


async def read_bounded(file: UploadFile, most_bytes: int) -> bytes:
    """Read an upload, which waits in RAM.

    Raises:
        TooLarge: more than the settings allow.
        UsageError: nothing in it.
    """
    content = await file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise TooLarge(f"an upload has at most {most_bytes:,} bytes")
    if not content:
        raise UsageError("the file is empty")
    return content


def check_owner(services: Services, caller: Caller, document_id: str) -> None:
    """Refuse changes by those who may read a document but neither sent it nor administer.

    Raises:
        NotPermitted: neither.
    """
    with services.store.catalogue.read() as connection:
        row = connection.execute("SELECT created_by FROM documents WHERE document_id = ?", (document_id,)).fetchone()
    if row is None:
        raise NotFound("no such document")
    if not may_change(caller, row[0]):
        raise NotPermitted("only who sent a document, or an administrator, may change it")


def may_change(caller: Caller, sender: str) -> bool:
    """Whether a caller who may read a document may replace, restrict or delete it."""
    return caller.account.administrator or sender == caller.account.actor


def shown(caller: Caller, found: Document) -> DocumentReply:
    """Show a document to a caller; who sent it is nobody else's business."""
    fields = asdict(found)
    sender = fields.pop("created_by")
    return DocumentReply(**fields, may_change=may_change(caller, sender))


@router.get("/documents", operation_id="documents")
async def documents(
    services: ServicesNeeded,
    caller: CallerNeeded,
    *,
    knowledge_base: str | None = None,
    state: Annotated[str | None, Query(pattern="^(pending|refused|readable|ready)$")] = None,
    external_id: Annotated[str | None, Query(description="file name, or id of a JSON line")] = None,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> DocumentsReply:
    """List documents that the caller may read."""

    def read() -> tuple[list[Document], str | None]:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            return list_documents(
                connection, permit, knowledge_base=knowledge_base, state=state, external_id=external_id, after=cursor,
                limit=limit,
            )  # fmt: skip

    found, following = await services.in_thread(read)
    return DocumentsReply(documents=[shown(caller, one) for one in found], next_cursor=following)


async def readable_document(services: Services, caller: Caller, document_id: str) -> Document:
    """Return a document if the caller may read it."""

    def read() -> Document:
        with services.store.catalogue.read() as connection:
            permit = services.searcher.permit(connection, caller.asker)
            return read_document(connection, permit, document_id)

    return await services.in_thread(read)


@router.get("/documents/{document_id}", operation_id="document")
async def document(document_id: str, services: ServicesNeeded, caller: CallerNeeded) -> DocumentReply:
    """Return one document."""
    return shown(caller, await readable_document(services, caller, document_id))


@router.get("/documents/{document_id}/file", operation_id="document_file")
async def document_file(
    document_id: str, services: ServicesNeeded, caller: CallerNeeded, request_id: RequestId
) -> StreamingResponse:
    """Return the original of the current version, byte for byte."""
    await readable_document(services, caller, document_id)

    def start() -> tuple[str, list[bytes]]:
        services.store.audit.record(Act(request_id, caller.account.actor, "read original", document_id), "done")
        with services.store.catalogue.read() as connection:
            media_type, pieces = open_original(services.store, connection, document_id)
            return media_type, list(pieces)

    media_type, pieces = await services.in_thread(start)
    # As a download and never as a page: an original may be HTML with scripts.
    headers = {"Content-Disposition": f'attachment; filename="{document_id}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(iter(pieces), media_type=media_type, headers=headers)


@router.delete("/documents/{document_id}", operation_id="delete_document", status_code=204)
async def delete(document_id: str, services: ServicesNeeded, caller: CallerNeeded, request_id: RequestId) -> None:
    """Erase a document: rows, indexes, vectors, snapshots, and the key of its original."""
    await readable_document(services, caller, document_id)

    def erase() -> None:
        check_owner(services, caller, document_id)
        act = Act(request_id, caller.account.actor, "delete document", document_id)
        delete_document(services.store, act, document_id)

    await services.in_thread(erase)
    services.follower.nudge()


@router.put("/documents/{document_id}/access", operation_id="set_document_access", status_code=204)
async def access_of(
    document_id: str, body: DocumentAccessRequest, services: ServicesNeeded, caller: CallerNeeded, request_id: RequestId
) -> None:
    """Say who of the readers of its knowledge base may read a document."""
    await readable_document(services, caller, document_id)

    def change() -> None:
        check_owner(services, caller, document_id)
        act = Act(request_id, caller.account.actor, "set document access", document_id)
        set_access(services.store, act, document_id, None if body.readers is None else tuple(body.readers))

    await services.in_thread(change)
    services.follower.nudge()


def job_reply(job: JobState) -> JobReply:
    """Show a job."""
    return JobReply(
        job_id=job.job_id,
        state=job.state,
        document_ids=list(job.document_ids),
        file_name=job.file_name,
        refused=list(job.refused),
        documents=len(job.document_ids),
        created_at=job.created_at,
        finished_at=job.finished_at,
        chunks=job.chunks,
        vectors=job.vectors,
        recognised=job.recognised,
        to_recognise=job.to_recognise,
    )


async def jobs_of(services: Services, caller: Caller, job_id: str | None) -> list[JobState]:
    """Return the caller's jobs; the local administrator sees all."""
    owner = None if caller.account.user_id is None else caller.account.actor

    def read() -> list[JobState]:
        with services.store.catalogue.read() as connection:
            return read_jobs(connection, owner=owner, job_id=job_id, served_sequence=services.indexes.sequence)

    return await services.in_thread(read)


@router.get("/jobs", operation_id="jobs")
async def jobs(services: ServicesNeeded, caller: CallerNeeded) -> dict[str, list[JobReply]]:
    """List the caller's jobs, newest first."""
    return {"jobs": [job_reply(job) for job in await jobs_of(services, caller, None)]}


@router.get("/jobs/{job_id}", operation_id="job")
async def job(job_id: str, services: ServicesNeeded, caller: CallerNeeded) -> JobReply:
    """Return one job of the caller's."""
    found = await jobs_of(services, caller, job_id)
    if not found:
        raise NotFound("no such job")
    return job_reply(found[0])
