"""What a connection to the HTTP port may cost, whoever is behind it; and the short way of what is the API's.

uvicorn bounds neither the head of a request, nor how long a request takes to come or its reply to be
read, nor how many connections there are, and it logs a line for every request that is not HTTP. All of
that happens before an application is known, so it is bounded here, and counted instead of logged.
"""

import asyncio
import json
import os
import re
import resource
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_local_addr, get_remote_addr

from onhook.api.exchange import Answers, Exchange
from onhook.api.params import MAX_BODY_BYTES
from onhook.api.request import ApiRequest
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
"""How long what still comes is read, and thrown away, after a request was refused, or answered before all
of it had come: closed with something unread, a connection is reset, and the reply may be lost with it
(RFC 9112 9.6)."""

_MAX_CONNECTIONS = 4096
_BEGINS_BYTES = 64
_OF_THE_API = re.compile(rb"[A-Za-z]+ +(?:https?://[^/ ]*)?/+open[/? ]")
"""The beginning of a request line whose path is the API's, however the rest is broken."""

Find = Callable[[str], Answers | None]
"""What answers at a path, percent signs decoded, if it is the API's."""


class _TooMuch(Exception):
    """Raised inside the parser, which turns it into the refusal of the request."""


class _GuardedHttp(HttpToolsProtocol):
    """uvicorn's protocol, within bounds of connections, of head and body, and of time without progress."""

    max_connections = _MAX_CONNECTIONS
    on_refused: Callable[[], None]
    find: Find
    progress_s = PROGRESS_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Asyncio: somebody connected. In place of uvicorn's: who that is, the API does not ask."""
        self._received_bytes = self._head_bytes = self._header_lines = 0
        self._in_head = True
        self._begun = False
        """A part of a request has come, perhaps together with the last one, and not all of it."""
        self._is_refused = False
        self._others: Any = None
        """The last request of uvicorn's own whose turn it was."""
        self._begins = b""
        self._idle = True
        """Since the last look no request has come whole, and nothing more of a long reply was read."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self._watch = self.loop.call_later(self.progress_s, self._look)
        if len(self.connections) > self.max_connections:
            self.on_refused()
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        self._watch.cancel()
        super().connection_lost(exc)
        if self.cycle is not None and self.cycle.response_complete:
            ended: Any = (
                self  # it refers to this connection: neither is left to a collection of garbage
            )
            ended.cycle = None

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
        """Refuses what is not a request, and ends the connection; at a path of the API as the API does.

        While a reply to a request before it is owed, nothing is said: it would be taken for that reply.
        """
        self.on_refused()
        if not self._owes_a_reply():
            is_of_the_api = _OF_THE_API.match(self._begins)
            self.transport.write(_malformed(msg) if is_of_the_api else _bad_request(msg))
        self._hear_out()

    def end(self, *, whole: bool) -> None:
        """See :class:`onhook.api.exchange.Connection`."""
        if whole:
            self.transport.close()
        else:
            self._hear_out()

    def _hear_out(self) -> None:
        self._is_refused = True
        if self._others is not None:
            # What it writes behind the end would be an error, with a traceback in the log each time.
            self._others.disconnected = True
            self._others.message_event.set()
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    # What the parser finds -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begun = True
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _TooMuch
        self._head_bytes = self._header_lines = 0
        self._in_head = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._count_head(len(url))
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One line of the head, or from behind a chunked body."""
        self._header_lines += 1
        self._count_head(len(name) + len(value))
        if not self._in_head:
            return  # nobody asks for it, and whoever stands in front of us may not have looked at it
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """httptools: the head is there, so its bounds hold no longer."""
        self._in_head = False
        target = httptools.parse_url(self.url)
        path = target.path.decode("ascii")
        service = self.find(unquote(path) if "%" in path else path)
        if service is None:
            self._leave_to_uvicorn()
        else:
            self._serve(service, target.query or b"")

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        exchange: Any = self.cycle
        if type(exchange) is Exchange:
            exchange.take(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """httptools: the request is there; the next on this connection begins at nought."""
        self._received_bytes = 0
        self._begins = b""
        self._in_head = True
        self._begun = self._idle = False
        super().on_message_complete()

    def _count_head(self, more_bytes: int) -> None:
        self._head_bytes += more_bytes
        if self._head_bytes > MAX_HEAD_BYTES or self._header_lines > MAX_HEADER_LINES:
            raise _TooMuch

    # Whose request it is --------------------------------------------------------------------------

    def _leave_to_uvicorn(self) -> None:
        """It makes an ASGI request of the head, as if it had collected that itself."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        self.server = get_local_addr(self.transport)
        self.client = get_remote_addr(self.transport)
        self.scheme = "http"
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _serve(self, service: Answers, query: bytes) -> None:
        """In its turn: replies leave in the order of their requests."""
        is_old = self.parser.get_http_version() == "1.0"
        before = self.cycle
        exchange = Exchange(
            self,
            service,
            ApiRequest(self.parser.get_method().decode("ascii"), query, self.headers),
            keep_alive=not is_old and self.parser.should_keep_alive(),
            expects_continue=not is_old and self.expect_100_continue,
        )
        self.cycle = exchange  # type: ignore[assignment]  # what uvicorn asks of one, it has
        if before is None or before.response_complete:
            exchange.begin()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """uvicorn: it is the turn of a request that had to wait, or of one of its own."""
        if type(cycle) is Exchange:
            cycle.begin()
        else:
            self._others = cycle
            super()._start_asgi_task(cycle, app)

    async def may_write(self) -> bool:
        """See :class:`onhook.api.exchange.Connection`."""
        if self.flow.write_paused:
            await self.flow.drain()
        return not (self._is_refused or self.transport.is_closing())

    def every_reply(self) -> Sequence[tuple[bytes, bytes]]:
        """See :class:`onhook.api.exchange.Connection`."""
        return self.server_state.default_headers

    @property
    def being_answered(self) -> object | None:
        """The request whose reply has not left, or not all of it; None if there is none."""
        owes = self._owes_a_reply() or self.pipeline or self.transport.get_write_buffer_size()
        return self.cycle if owes else None

    def leave(self) -> int | None:
        """If nothing is under way here: reads no more, and gives a duplicate of the connection's descriptor,
        which is the caller's. None while something is."""
        under_way = self.being_answered is not None or self._begun
        if under_way or self._is_refused or self.transport.is_closing():
            return None
        self.transport.pause_reading()
        return os.dup(self.transport.get_extra_info("socket").fileno())

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
        """Whether it is we who have to do something: a request is there, and its reply, or the rest of it, is
        not, but could be."""
        cycle = self.cycle
        if cycle is None or self.flow.write_paused or cycle.more_body:
            return False
        if not cycle.response_started:
            return True
        return not (cycle.response_complete or self.transport.get_write_buffer_size())

    def _owes_a_reply(self) -> bool:
        """Whether something was asked, or is being answered, before what is read now."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return bool(self.pipeline) or not cycle.more_body or cycle.response_started


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


def _nothing(_path: str) -> None:
    """There is no API."""


def guarded(
    on_refused: Callable[[], None], find: Find = _nothing, *, progress_s: float = PROGRESS_S
) -> type[asyncio.Protocol]:
    """The protocol for uvicorn; ``on_refused`` hears of everything that was refused or cut off.

    What ``find`` does not know at a path, uvicorn's application answers. At most a quarter of the files that
    the process may open are connections: calls need the others.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = (
        _MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(_MAX_CONNECTIONS, files // 4)
    )
    members: dict[str, Any] = {
        "on_refused": staticmethod(on_refused),
        "find": staticmethod(find),
        "max_connections": room,
        "progress_s": progress_s,
    }
    return type("GuardedHttp", (_GuardedHttp,), members)
