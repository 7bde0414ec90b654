"""What several suites look for in a reply."""

from typing import Any

import httpx

from tests.e2e.machine import Api


def problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert reply.status_code == status, (reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/problem+json"
    details: dict[str, Any] = reply.json() | {"request_id": ""}
    assert details["code"] == code
    assert details["advice"]
    return details


def hit(api: Api, query: str, document_id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in api.search(query)["hits"] if one["document_id"] == document_id]
    return found[0]
