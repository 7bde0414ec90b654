"""The HTTP protocol of the store's socket: a peer that does not run as our user is hung up on before it says a word."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from app.api.access import peer_is_us


class LocalProtocol(H11Protocol):
    """HTTP/1.1 for peers of our own user."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Check who connects."""
        peer = transport.get_extra_info("socket")
        if peer is None or not peer_is_us(peer):
            transport.abort()
            return
        super().connection_made(transport)
