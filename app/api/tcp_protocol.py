"""The HTTP protocol for other machines: a connection that does not send its request's head in time is closed."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 for peers that may keep a connection, but not hold it without a word."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the clock of a further request."""
        self._stop()
        self._head = self.loop.call_later(HEAD_S, self.transport.abort)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the clock: the head is there."""
        self._stop()
        super().on_headers_complete()

    def _stop(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
