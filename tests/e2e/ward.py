"""A ward's service over TLS with a browser beside it, for the tests of the page."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.chromium import HOST, Visit, make_server_certificate, open_chromium
from tests.e2e.machine import REPOSITORY, Api, Machine

SAMPLES = REPOSITORY / "tests" / "documents" / "files"
MANUAL, RULES = "filler-manual.pdf", "采购管理规定.txt"
ENGLISH, ENGLISH_SAID = "How long may sterilised parts of the product path be stored?", "14 days"
CHINESE, CHINESE_SAID = "多大金额的采购要上采购委员会会议？", "五万元"


@dataclass
class Ward:
    """A service over TLS that knows two documents, its first administrator, and a browser beside it."""

    machine: Machine
    url: str
    api: Api
    browser: Browser
    name: str
    password: str

    def visit(self, *, signed_in: bool = True, **context: Any) -> Visit:
        visit = Visit(self.browser, self.url, **context)
        if signed_in:
            visit.sign_in(self.name, self.password)
        return visit


@pytest.fixture(scope="module")
def ward(make_machine: Callable[..., Machine], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    machine = make_machine(model="default")
    made = machine.init()
    cert_file, key_file, trusted = make_server_certificate(tmp_path_factory.mktemp("tls"))
    with open_chromium(trusted) as browser:
        serving = machine.begin_serving(
            "--host", "127.0.0.1", "--tls-cert", str(cert_file), "--tls-key", str(key_file),
            verify=ssl.create_default_context(cafile=str(cert_file)),
        )  # fmt: skip
        try:
            api = serving.api
            for name in (MANUAL, RULES):
                api.take(name, (SAMPLES / name).read_bytes())
            url = f"https://{HOST}:{serving.url.rsplit(':', 1)[1]}"
            yield Ward(machine, url, api, browser, made["username"], made["password"])
        finally:
            serving.stop()


@pytest.fixture
def visit(ward: Ward) -> Iterator[Visit]:
    """The administrator, signed in at a desk."""
    visit = ward.visit()
    yield visit
    visit.close()


def send_files(visit: Visit, *files: Path | dict[str, Any]) -> None:
    visit.page.goto("/#documents")
    expect(visit.page.locator("#documents-view")).to_be_visible()
    visit.page.locator("#files").set_input_files(list(files))  # type: ignore[arg-type]


def text_file(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "mimeType": "text/markdown", "buffer": text.encode()}


def upload_of(visit: Visit, name: str) -> Locator:
    return visit.page.locator("#uploads > li", has_text=name)


def row_of(visit: Visit, text: str) -> Locator:
    return visit.page.locator("table.list tbody tr:visible", has_text=text)
