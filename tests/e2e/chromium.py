"""The chromium of the system, driven by Playwright: it reaches one host name, and what it asks of others fails."""

import base64
import datetime as dt
import hashlib
import ipaddress
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

HOST = "kb.ward.example"
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no chromium on this machine: apt-get install chromium fonts-noto-cjk"
WAIT_MS = 30_000
AXE = files("axe_playwright_python").joinpath("axe.min.js")


def chromium_program() -> str:
    """Return the path of the browser; without one the test fails and says what to install."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(MISSING, pytrace=False)
    return found


def make_server_certificate(folder: Path) -> tuple[Path, Path, str]:
    """Write a certificate of ``HOST`` and 127.0.0.1 that signs itself, and its key; return the hash of the key too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begins = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return cert_file, key_file, base64.b64encode(hashlib.sha256(public).digest()).decode()


@contextmanager
def open_chromium(trusted_key: str) -> Iterator[Browser]:
    """Start the browser; it trusts the one certificate and finds the one host, on this machine."""
    program = chromium_program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND",
                f"--ignore-certificate-errors-spki-list={trusted_key}",
            ],
        )  # fmt: skip
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One person's window, and what it asked for and complained of."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.context = browser.new_context(base_url=url, **{"locale": "en-US", **context})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, said: ConsoleMessage) -> None:
        # The first question of the page is whether there is a session: a refusal is an answer.
        if said.type == "error" and "401 (Unauthorized)" not in said.text:
            self.complaints.append(said.text)

    def sign_in(self, name: str, password: str) -> None:
        """Sign in and wait for the page."""
        page = self.page
        page.goto("/")
        self.fill_sign_in(name, password)
        expect(page.locator("#account")).to_be_visible(timeout=WAIT_MS)

    def fill_sign_in(self, name: str, password: str) -> None:
        self.page.locator("#username").fill(name)
        self.page.locator("#password").fill(password)
        self.page.locator("#sign-in-send").click()

    def ask(self, question: str) -> None:
        """Ask, and wait until the answer is whole."""
        page = self.page
        page.locator("#question").fill(question)
        page.locator("#question").press("Enter")
        expect(page.locator("#entries > .entry .entry-question")).to_have_text(question)
        expect(page.locator("#send")).to_be_visible(timeout=WAIT_MS)

    def axe(self) -> list[str]:
        """Return the violations that axe finds in what is shown now."""
        page = self.page
        if not page.evaluate("typeof window.axe === 'object'"):
            page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {one['nodes'][0]['target']}" for one in found["violations"]]

    def overflow_px(self) -> int:
        """How far the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def close(self) -> None:
        self.context.close()
