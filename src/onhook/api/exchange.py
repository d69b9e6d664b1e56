"""A request of the API on a connection, and its reply.

It stands where uvicorn's protocol has what it calls a cycle, and is as much of one as that protocol asks for.
For the API alone it does without the rest: no ASGI, since nothing is between the connection and what answers;
the body is passed on whole, and the reply is one write.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol, cast

import structlog

from onhook.api.params import MAX_BODY_BYTES
from onhook.api.request import ApiRequest
from onhook.calls import clock

log = structlog.get_logger()

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\n"
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\n"
_NO_ANSWER = (
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n",
    b"Internal Server Error",
)


class Answers(Protocol):
    """What answers at one path of the API."""

    async def reply(self, request: ApiRequest) -> tuple[bytes, bytes]:
        """The header lines of the reply, without those of the connection, and its body."""


class Connection(Protocol):
    """What an exchange asks of its connection."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    tasks: "set[asyncio.Task[None]]"
    """For them the end of the server waits."""

    async def may_write(self) -> bool:
        """Wait until the other side has read on; whether it is there, and may be told anything."""

    def end(self, *, whole: bool) -> None:
        """End the connection behind what was written; ``whole``: all of the request had come."""

    def every_reply(self) -> Sequence[tuple[bytes, bytes]]:
        """Headers of every reply."""

    def on_response_complete(self) -> None:
        """The reply was written: the next one may be."""


class Exchange:
    """Begins when it is its turn, and answers when the request is there as far as it is looked at."""

    __slots__ = (
        "_body",
        "_connection",
        "_expects_continue",
        "_running",
        "_service",
        "_turn",
        "disconnected",
        "keep_alive",
        "more_body",
        "request",
        "response_complete",
        "response_started",
    )

    def __init__(
        self,
        connection: Connection,
        service: Answers,
        request: ApiRequest,
        *,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        self._connection = connection
        self._service = service
        self._expects_continue = expects_continue and request.has_body
        self._body = bytearray()
        self._turn = self._running = False
        self.request = request
        self.keep_alive = keep_alive
        self.more_body = True
        self.disconnected = self.response_started = self.response_complete = False

    @property
    def message_event(self) -> "Exchange":
        """What uvicorn sets when the body has come, or the connection is gone."""
        return self

    def set(self) -> None:
        """There is news: see :attr:`message_event`."""
        if self._turn and not self._running:
            self._answer_if_there()

    def begin(self) -> None:
        """It is the turn of this request."""
        self._turn = True
        self.request.arrived_s = clock.now_s()
        if self._expects_continue and not self._connection.transport.is_closing():
            self._connection.transport.write(_CONTINUE)
        self._answer_if_there()

    def take(self, data: bytes) -> None:
        """A part of the body; nobody needs what is behind the longest that is allowed."""
        if self.request.has_body and len(self._body) <= MAX_BODY_BYTES:
            self._body += data
            if len(self._body) > MAX_BODY_BYTES:
                self.set()

    def _answer_if_there(self) -> None:
        request = self.request
        if not request.has_body or not self.more_body or len(self._body) > MAX_BODY_BYTES:
            request.body = bytes(self._body)
        elif not self.disconnected:
            return
        self._running = True
        self._connection.tasks.add(self._connection.loop.create_task(self._run()))

    async def _run(self) -> None:
        """Lets go of itself: a callback for that would take another turn of the loop."""
        try:
            await self._answer()
        finally:
            self._connection.tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _answer(self) -> None:
        try:
            status_line, reply = _OK, await self._service.reply(self.request)
        except (
            Exception,
            asyncio.CancelledError,
        ):  # its root; cancelled when it outlasts the server
            log.exception("reply_failed")
            status_line, reply, self.keep_alive = _FAILED, _NO_ANSWER, False
        if await self._connection.may_write() and not self.disconnected:
            self._write(status_line, *reply)

    def _write(self, status_line: bytes, lines: bytes, body: bytes) -> None:
        parts = [status_line]
        parts += [b"%b: %b\r\n" % each for each in self._connection.every_reply()]
        parts += [lines, b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"]
        if self.request.method != "HEAD":
            parts.append(body)
        self.response_started = self.response_complete = True
        self._connection.transport.write(b"".join(parts))
        if not self.keep_alive:
            self._connection.end(whole=not self.more_body)
        self._connection.on_response_complete()
