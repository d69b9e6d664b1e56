"""The HTTP port: uvicorn serves it, without a clock of its own; the API, health and metrics need no router.

Everything else (recordings, the reference) is Starlette's, which is loaded when somebody asks for one of its
pages: most servers are never asked, and it would take 5 MB.
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

import structlog
from uvicorn.config import Config
from uvicorn.server import Server, ServerState

from onhook.api.http_guard import Find, guarded

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger()

LINGER_S: Final = 5
"""At the end of the server, requests that are being answered have so long."""

_LOOK_S: Final = 0.002
"""Between looks at whether requests are answered, while the server is left to another."""

_MOMENT_S: Final = 0.1
"""A request that has been there for less is answered while others wait."""

_HALF_S: Final = 1.0
"""The rest of a request that has begun is waited for no longer, while others wait."""

Page = Callable[[], Awaitable[tuple[int, str, bytes]]]
"""Makes a page anew: its HTTP status, its media type, its text."""


def as_json(body: Mapping[str, object] | Sequence[object], status: int) -> tuple[int, str, bytes]:
    """A page of JSON."""
    return (
        status,
        "application/json",
        json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
    )


@asynccontextmanager
async def serving(
    at: socket.socket,
    find: Find,
    pages: Mapping[str, Page],
    others: "Callable[[], ASGIApp]",
    on_refused: Callable[[], None],
) -> "AsyncIterator[HttpServer]":
    """Serves within this context: what ``find`` knows, ``pages`` by their path, ``others`` for the rest.

    ``others`` is called once, in a thread. At the end nothing new is taken, and what is being answered is
    waited for.
    """
    config = Config(
        _Beside(pages, others),
        interface="asgi3",
        http=guarded(on_refused, find),
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LINGER_S,
    )
    server = HttpServer(config)
    task = asyncio.create_task(server.serve([at]))
    try:
        yield server
    finally:
        server.end()
        await task


class _Beside:
    """The ASGI application of what is not the API."""

    def __init__(self, pages: Mapping[str, Page], others: "Callable[[], ASGIApp]") -> None:
        self._pages = pages
        self._make = others
        self._others: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """ASGI: a page where one is asked for by GET; who asks otherwise is told so by a router."""
        page = self._pages.get(scope["path"]) if scope["method"] == "GET" else None
        if page is None:
            others = self._others or await self._made()
            await others(scope, receive, send)
            return
        status, media_type, text = await page()
        headers = [
            (b"content-length", str(len(text)).encode()),
            (b"content-type", media_type.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _made(self) -> "ASGIApp":
        async with self._making:
            if self._others is None:
                self._others = await asyncio.to_thread(self._make)
            return self._others


class _State(ServerState):
    """What connections share. The date is looked up by whoever replies, and not ten times a second."""

    _second = 0
    _headers: list[tuple[bytes, bytes]]

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of every reply."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._headers = [(b"date", formatdate(now, usegmt=True).encode())]
        return self._headers

    @default_headers.setter
    def default_headers(self, _value: Any) -> None:
        """uvicorn begins with none."""


class HttpServer(Server):
    """uvicorn without signals, as the process drains first, and without its clock."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.server_state = _State()
        self._over = asyncio.Event()
        self.on_end: Callable[[], None] = lambda: None
        """Ends replies that would go on for as long as somebody reads them."""

    async def main_loop(self) -> None:
        """Until :meth:`end`."""
        await self._over.wait()

    def take(self, descriptor: int, _about: object) -> None:
        """Serve a connection that another process has left; the descriptor is ours."""
        config, state = self.config, self.server_state
        connection = socket.socket(fileno=descriptor)
        connection.setblocking(False)

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

        loop = asyncio.get_running_loop()
        taking = loop.create_task(loop.connect_accepted_socket(protocol, connection))
        state.tasks.add(taking)  # type: ignore[arg-type]
        taking.add_done_callback(state.tasks.discard)

    async def answered(self, within_s: float) -> None:
        """Serves as ever until each request is answered that was there for a moment, for `within_s` at most.

        If :meth:`leave` takes nothing new then, others wait for a moment, and not for as long as the slowest
        request takes.
        """
        self.on_end()
        ends_s = time.monotonic() + within_s
        since_s = dict.fromkeys(self._being_answered(), -_MOMENT_S)
        if since_s:
            log.info("requests_awaited", requests=len(since_s))
        while since_s and time.monotonic() < ends_s:
            await asyncio.sleep(_LOOK_S)
            now_s = time.monotonic()
            since_s = {each: since_s.get(each, now_s) for each in self._being_answered()}
            if all(now_s - began_s < _MOMENT_S for began_s in since_s.values()):
                return

    def _being_answered(self) -> list[object]:
        asked = (each.being_answered for each in self.server_state.connections)  # type: ignore[union-attr]
        return [each for each in asked if each is not None]

    async def leave(self, within_s: float) -> list[int]:
        """Takes nothing new, and answers what was asked; duplicates of the connections that are there then.

        One on which something is still under way after `within_s` is not among them, nor one on which a
        request has begun and does not go on.
        """
        for server in self.servers:
            server.close()
        self.on_end()
        began_s = time.monotonic()
        left: dict[object, int] = {}
        while True:
            for each in list(self.server_state.connections):
                if each not in left and (descriptor := each.leave()) is not None:  # type: ignore[union-attr]
                    left[each] = descriptor
            waited_s = time.monotonic() - began_s
            wait = len(left) < len(self.server_state.connections) and (
                waited_s < _HALF_S or self._being_answered()
            )
            if not wait or waited_s >= within_s:
                return list(left.values())
            await asyncio.sleep(_LOOK_S)

    def end(self) -> None:
        """Takes nothing new."""
        self.on_end()
        self.should_exit = True
        self._over.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to the process."""
        yield
