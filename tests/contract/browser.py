"""A person at the page: a cookie jar, the page's token, and the headers that a browser sends by itself."""

from typing import Any, Self

import httpx

from tests.e2e.machine import Api

SAFE = {"GET", "HEAD"}


class Browser(Api):
    """Signs in by name and password; ``address`` is where it stands on the loopback network."""

    def __init__(self, url: str, *, address: str = "127.0.0.1", verify: Any = True) -> None:
        transport = httpx.HTTPTransport(local_address=address, verify=verify)
        super().__init__(httpx.Client(base_url=url, transport=transport, trust_env=False, timeout=60))
        self.headers = {"Origin": url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        self.csrf = ""

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = {} if method in SAFE or not self.csrf else {"X-CSRF-Token": self.csrf}
        options["headers"] = token | options.pop("headers", {})
        return super().call(method, path, **options)

    def try_to_sign_in(self, name: str, password: str, **options: Any) -> httpx.Response:
        return self.call("POST", "/v1/session", json={"username": name, "password": password}, **options)

    def sign_in(self, name: str, password: str) -> dict[str, Any]:
        reply = self.try_to_sign_in(name, password)
        assert reply.status_code == 200, reply.text
        signed_in: dict[str, Any] = reply.json()
        self.csrf = signed_in["csrf_token"]
        return signed_in

    @property
    def token(self) -> str:
        """The session token that the jar holds."""
        [token] = [cookie.value for cookie in self.client.cookies.jar]
        assert token
        return token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
