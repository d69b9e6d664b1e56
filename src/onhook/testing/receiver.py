"""A customer's web server for tests: it records the notifications and answers as it is told.

    async with Receiver() as receiver:
        ...                                     # give receiver.url("/ivr") as notify_url
        told = await receiver.next(session=session)
        assert told["call_state"] == "ended"

Scripted failures (`reply_with`) and a handler that makes API requests from inside a notification
make it every kind of application that the delivery has to cope with.
"""

import asyncio
import json
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

import structlog
from aiohttp import web

log = structlog.get_logger()

_HALF = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf"
WAIT_S = 60.0
"""How long to wait for a notification where nothing else is said."""
_SHUTDOWN_S = 0.1


class Then(Enum):
    """What the receiver does in place of a proper reply."""

    HANG = "hang"
    """Say nothing until the receiver is closed, and keep the connection open."""
    DROP = "drop"
    """Reset the connection without a byte of reply."""
    HALF = "half"
    """Send headers and a part of the body that they announce, then close."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How to answer one notification."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Wait so long before the reply, or before what `then` says."""
    then: Then | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One HTTP request that arrived, whatever it is."""

    method: str
    path: str
    raw_query: str
    """As it was sent, without the question mark."""
    body: bytes
    headers: Mapping[str, str]
    """By name in lower case."""
    at_s: float
    """Monotonic: when its headers had been read."""

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query string, the last of equal names."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The parameters of the form-encoded body; those of bytes that are no form are junk."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def fields(self) -> dict[str, str]:
        """The parameters of the body, be it a form or JSON."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            return self.form
        found = json.loads(self.body)
        return found if isinstance(found, dict) else {}

    def __getitem__(self, name: str) -> str:
        """Return a parameter of the body; KeyError when it is not there."""
        return self.fields[name]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter of the body, `default` when it is not there."""
        return self.fields.get(name, default)


Handler = Callable[[Notification], Awaitable[Reply | None]]
"""An application: called for each notification before it is answered; None means 200."""


class Receiver:
    """A web server on a free port of loopback, or on `port`; use it with `async with`.

    Replies come from `reply_with` first, in order, then from the handler, else 200. An exception
    in the handler is answered with 500, kept in `errors`, and raised again at the end of the
    `async with` block, so that a test cannot overlook it.

    Notifications are delivered at least once. With `repeats=False`, one that comes again after it was
    answered with success, which its webhook-id tells, is kept in `notifications` alone: a test that
    waits for the next thing to happen does not take it for that.
    """

    def __init__(
        self,
        handler: Handler | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        repeats: bool = True,
    ) -> None:
        self.handler = handler
        """The application; may be replaced at any time."""
        self.notifications: list[Notification] = []
        """Everything that arrived, in order."""
        self.errors: list[Exception] = []
        """What the handler raised."""
        self._host = host
        self._ssl = ssl_context
        self._repeats = repeats
        self._taken: set[str] = set()
        self._replies: deque[Reply] = deque()
        self._waiting: list[Notification] = []
        self._arrived = asyncio.Condition()
        self._closing = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._port = port

    async def __aenter__(self) -> Self:
        self._closing.clear()
        server = web.Server(self._serve, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._ssl)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        if self.errors and error is None:
            raise self.errors[0]

    @property
    def port(self) -> int:
        """The port; it stays the same when the receiver is closed and opened again."""
        return self._port

    def url(self, path: str = "/notify", host: str | None = None) -> str:
        """Return the URL of a path (with a query string, if wanted) on this server."""
        scheme = "https" if self._ssl is not None else "http"
        return f"{scheme}://{host or self._host}:{self._port}{path}"

    def reply_with(self, *replies: Reply) -> None:
        """Answer the next notifications like this, one reply each."""
        self._replies.extend(replies)

    async def next(self, timeout_s: float = WAIT_S, **fields: str) -> Notification:
        """Wait for a notification that was not returned before and has these parameters.

            await receiver.next(session=session, ivr_block="play")

        It is taken from the waiting ones; the others stay. Raises TimeoutError, which tells what
        arrived instead.
        """
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                while (found := self._take(fields)) is None:
                    await self._arrived.wait()
                return found
        except TimeoutError:
            blocks = [told.get("ivr_block") for told in self._waiting]
            raise TimeoutError(
                f"no notification with {fields} in {timeout_s:g} s; "
                f"{len(self.notifications)} arrived, waiting are those of the blocks {blocks}"
            ) from None

    def waiting(self) -> list[Notification]:
        """List what arrived and was not returned by `next`."""
        return list(self._waiting)

    async def close(self) -> None:
        """Stop serving; hanging replies are dropped. May be called twice, and opened again."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _take(self, fields: Mapping[str, str]) -> Notification | None:
        for at, told in enumerate(self._waiting):
            if all(told.get(name) == value for name, value in fields.items()):
                return self._waiting.pop(at)
        return None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        at_s = time.monotonic()
        told = Notification(
            request.method, request.path, request.rel_url.raw_query_string, await request.read(),
            {name.lower(): value for name, value in request.headers.items()}, at_s,
        )  # fmt: skip
        async with self._arrived:
            self.notifications.append(told)
            if self._repeats or told.headers.get("webhook-id") not in self._taken:
                self._waiting.append(told)
            self._arrived.notify_all()
        reply = await self._choose(told)
        if reply.delay_s > 0:
            await asyncio.sleep(reply.delay_s)
        if 200 <= reply.status < 300 and reply.then is None:
            self._taken.add(told.headers.get("webhook-id", ""))
        if reply.then is not None:
            await self._misbehave(request, reply.then)
        return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))

    async def _choose(self, told: Notification) -> Reply:
        if self._replies:
            return self._replies.popleft()
        if self.handler is None:
            return Reply()
        try:
            return await self.handler(told) or Reply()
        except Exception as error:  # the root of a task: kept, and raised at the end of the test
            log.exception("receiver_handler_failed")
            self.errors.append(error)
            return Reply(status=500, body=b"")

    async def _misbehave(self, request: web.BaseRequest, then: Then) -> None:
        transport = request.transport
        if then is Then.HANG:
            await self._closing.wait()
        if transport is None:
            return
        if then is Then.HALF:
            transport.write(_HALF)
            transport.close()
        else:
            transport.abort()
