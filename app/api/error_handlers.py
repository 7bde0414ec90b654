"""Errors over HTTP: RFC 9457 problem details with a stable code. HTTP numbers live here alone."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app import errors
from app.logs import get_log

HTTP_STATUS: dict[type[errors.StrongroomError], int] = {
    errors.UsageError: 400,
    errors.NotAuthenticated: 401,
    errors.NotPermitted: 403,
    errors.NotFound: 404,
    errors.ConflictError: 409,
    errors.TooLarge: 413,
    errors.DocumentRefused: 422,
    errors.TooBusy: 429,
    errors.StoreError: 503,
    errors.StoreFull: 507,
    errors.ModelUnavailable: 503,
    errors.StrongroomError: 500,
}
RETRY_AFTER_S = {429: "2", 503: "5"}

log = get_log(__name__)


def status_of(error: errors.StrongroomError) -> int:
    """Return the status of an error: its own, or that of the nearest ancestor."""
    return next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)


def problem(error: errors.StrongroomError, request_id: str) -> dict[str, Any]:
    """Return an error as problem details."""
    details: dict[str, Any] = {
        "type": "about:blank",
        "title": error.code.replace("_", " "),
        "status": status_of(error),
        "code": error.code,
        # What went wrong inside the store is for its operator, not for a client.
        "detail": "the store is not available" if isinstance(error, errors.StoreError) else str(error),
        "advice": errors.StoreError.advice if isinstance(error, errors.StoreError) else error.advice,
        "request_id": request_id,
    }
    if isinstance(error, errors.DocumentExists):
        details["document_id"] = error.document_id
    if isinstance(error, errors.TooManyAttempts):
        details["retry_after_s"] = error.retry_after_s
    return details


def reply(details: dict[str, Any]) -> JSONResponse:
    """Send problem details."""
    status = int(details["status"])
    retry_after = details.get("retry_after_s", RETRY_AFTER_S.get(status))
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(details, status, headers, media_type="application/problem+json")


def add_error_handlers(app: FastAPI) -> None:
    """Turn every error of a route into problem details."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, errors.StrongroomError):
            raise error
        details = problem(error, request.scope.get("strongroom.request_id", ""))
        if details["status"] >= 500:
            log.error("request failed", code=error.code, request_id=details["request_id"])
        return reply(details)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        # Where and what is wrong; never the value, which may be somebody's text.
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:5]
        )
        details = problem(errors.UsageError(wrong), request.scope.get("strongroom.request_id", ""))
        return reply(details | {"status": 422})

    async def of_framework(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        details = {
            "type": "about:blank",
            "title": str(error.detail),
            "status": error.status_code,
            "code": {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "usage"),
            "detail": str(error.detail),
            "advice": errors.UsageError.advice,
            "request_id": request.scope.get("strongroom.request_id", ""),
        }
        return reply(details)

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        request_id = request.scope.get("strongroom.request_id", "")
        log.error("unexpected", reason_class=type(error).__name__, request_id=request_id)
        return reply(problem(errors.StrongroomError("something unexpected went wrong"), request_id))

    app.add_exception_handler(errors.StrongroomError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(Exception, unexpected)
