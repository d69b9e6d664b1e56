"""How much of a reply is parsed at all, whatever it says of itself.

aiohttp bounds lines and headers. It does not bound how many interim replies (RFC 9110, section 15.2) come
before the real one, and 256 KB of them in one read keep the event loop busy for most of a second, over
and over until the deadline: meanwhile no call is answered. Nor does it bound what chunked encoding adds to
a body (extensions, chunks of one byte). So both are counted here, before anything is parsed; and the head
is parsed apart from what follows it, so that a body cannot take the status with it.
"""

import functools
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError

from onhook.notify.heads import HeadSplitter

MAX_HEADS = 32
"""Status lines before the real reply, that included. Nobody needs more than two."""

MAX_HEADER_BYTES = 16 * 1024
"""Of one line of a head."""

MAX_WIRE_BYTES = 24 * 1024 * 1024
"""Of one reply, all in all: the largest recording, and generous room for its framing."""

_STATUS_LINES = (b"\nHTTP/1.", b"\rHTTP/1.")  # the parser passes over any line break before one


class BoundedConnector(aiohttp.TCPConnector):
    """Connections of which a reply is parsed to its bounds and no further."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        made = functools.partial(_BoundedReply, loop=self._loop)
        self._factory = made  # type: ignore[assignment]  # a subclass of what aiohttp makes


class _BoundedReply(ResponseHandler):
    """aiohttp's protocol of one connection, for one request after another."""

    def set_response_params(self, **params: Any) -> None:
        """Aiohttp: a request went out, its reply is next."""
        self._answered = False
        self._heads = self._wire_bytes = 0
        self._splitter = HeadSplitter(MAX_HEADER_BYTES)
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Asyncio: a part of a reply."""
        if self._parser is not None and self._exceeds(data):
            self.set_exception(HttpProcessingError(message="the reply has no end"))
            if self.transport is not None:
                self.transport.abort()
            return
        if self._parser is None or self._splitter.complete:
            self._parse(data)
            return
        for part in self._splitter.split(data):
            if part:
                self._parse(part)

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        body = self._payload
        if self._exception is not None and body is not None and not body.is_eof():
            # Whoever reads the body would wait for the rest of it otherwise.
            body.set_exception(aiohttp.ClientPayloadError("the body is broken"))

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Aiohttp: a head was read."""
        self._answered = self._answered or data[0].code >= 200
        super().feed_data(data, size)

    def _exceeds(self, data: bytes) -> bool:
        self._wire_bytes += len(data)
        if not self._answered:
            self._heads += sum(map(data.count, _STATUS_LINES))
        return self._heads > MAX_HEADS or self._wire_bytes > MAX_WIRE_BYTES
