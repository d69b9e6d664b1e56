"""What a connection to the HTTP port may cost, whoever is behind it.

uvicorn bounds neither the head of a request, nor how long a request takes to come or its reply to be
read, nor how many connections there are, and it logs a line for every request that is not HTTP. All of
that happens before an application is known, so it is bounded here, and counted instead of logged.
"""

import asyncio
import json
import re
import resource
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from onhook.api.params import MAX_BODY_BYTES
from onhook.blocks import statuses

MAX_HEAD_BYTES = 128 * 1024
"""Of a request line and headers: a query string may hold every parameter, percent-encoded."""

MAX_HEADER_LINES = 100
"""Of a request, those behind a chunked body included."""

MAX_REQUEST_BYTES = MAX_HEAD_BYTES + 4 * MAX_BODY_BYTES
"""Where a connection ends whose body goes on and on, although its request was answered long ago."""

MAX_PIPELINED = 16
"""Requests that may wait behind the one that is being answered."""

PROGRESS_S = 20.0
"""A connection on which nothing gets done for this long, and at most for twice as long, is cut off."""

LINGER_S = 2.0
"""How long what still comes is read, and thrown away, after a request was refused: closed with something
unread, a connection is reset, and the refusal may be lost with it (RFC 9112 9.6)."""

_MAX_CONNECTIONS = 4096
_BEGINS_BYTES = 64
_OF_THE_API = re.compile(rb"[A-Za-z]+ +(?:https?://[^/ ]*)?/+open[/? ]")
"""The beginning of a request line whose path is the API's, however the rest is broken."""


class _TooMuch(Exception):
    """Raised inside the parser, which turns it into the refusal of the request."""


class _GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol, within bounds of connections, of head and body, and of time without progress."""

    max_connections = _MAX_CONNECTIONS
    on_refused: Callable[[], None]
    progress_s = PROGRESS_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Asyncio: somebody connected."""
        self._received_bytes = self._head_bytes = self._header_lines = 0
        self._in_head = True
        self._is_refused = False
        self._begins = b""
        self._idle = True
        """Since the last look no request has come whole, and nothing more of a long reply was read."""
        super().connection_made(transport)
        self._watch = self.loop.call_later(self.progress_s, self._look)
        if len(self.connections) > self.max_connections:
            self.on_refused()
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Asyncio: something arrived. What the parser has not made anything of, it keeps in memory."""
        if self._is_refused:
            return
        if len(self._begins) < _BEGINS_BYTES:
            self._begins += data[:_BEGINS_BYTES]
        self._received_bytes += len(data)
        super().data_received(data)
        limit = MAX_HEAD_BYTES if self._in_head else MAX_REQUEST_BYTES
        if self._received_bytes > limit and not (self._is_refused or self.transport.is_closing()):
            self.send_400_response("The request is too large.")

    def resume_writing(self) -> None:
        """Asyncio: the other side has read on. A long download takes longer than one look."""
        self._idle = False
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is not a request, and ends the connection; at a path of the API as the API does."""
        self.on_refused()
        is_of_the_api = _OF_THE_API.match(self._begins)
        self.transport.write(_malformed(msg) if is_of_the_api else _bad_request(msg))
        self._is_refused = True
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    # What the parser finds -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _TooMuch
        self._head_bytes = self._header_lines = 0
        self._in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head, or from behind a chunked body."""
        self._header_lines += 1
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """httptools: the head is there, so its bounds hold no longer."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """httptools: the request is there; the next on this connection begins at nought."""
        self._received_bytes = 0
        self._begins = b""
        self._in_head = True
        self._idle = False
        super().on_message_complete()

    def _count_head(self, more_bytes: int) -> None:
        self._head_bytes += more_bytes
        if self._head_bytes > MAX_HEAD_BYTES or self._header_lines > MAX_HEADER_LINES:
            raise _TooMuch

    # Time ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Cuts off whoever sends half a request, or does not read a reply."""
        if self._idle and not self._at_work():
            self.on_refused()
            self.transport.abort()
            return
        self._idle = True
        self._watch = self.loop.call_later(self.progress_s, self._look)

    def _at_work(self) -> bool:
        """Whether it is we who have to do something: a request is there, and its reply is not."""
        cycle = self.cycle
        return cycle is not None and not cycle.more_body and not cycle.response_started


def _malformed(reason: str) -> bytes:
    """The whole response of the API to what is no request: clients read a status from HTTP 200 only."""
    status = "error_malformed_params"
    detail = f"{reason} {statuses.detail(status)}"
    body = json.dumps({"status": status, "detail": detail}, separators=(",", ":")).encode()
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def _bad_request(reason: str) -> bytes:
    """The whole response to what is no request, beside the API."""
    head = (
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(reason)}\r\nconnection: close\r\n\r\n"
    )
    return f"{head}{reason}".encode("ascii")


def guarded(
    on_refused: Callable[[], None], *, progress_s: float = PROGRESS_S
) -> type[asyncio.Protocol]:
    """The protocol for uvicorn; ``on_refused`` hears of everything that was refused or cut off.

    At most a quarter of the files that the process may open are connections: calls need the others.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = (
        _MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(_MAX_CONNECTIONS, files // 4)
    )
    members: dict[str, Any] = {
        "on_refused": staticmethod(on_refused),
        "max_connections": room,
        "progress_s": progress_s,
    }
    return type("GuardedHttp", (_GuardedHttp,), members)
