"""Servers on loopback, and a client that may talk to them."""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.resolver import AddressResolver, Lookup, system_lookup
from onhook.notify.tls import client_context
from onhook.urls import WebUrl, parse

LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Received:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer_port: int


@dataclass
class WebServer:
    """A real web server: remembers what came, answers what `reply` says."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    reply: Callable[[Received], Awaitable[web.StreamResponse]] | None = None

    def url(self, target: str = "/", host: str = "localhost", scheme: str = "http") -> WebUrl:
        return parse(f"{scheme}://{host}:{self.port}{target}")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        received = Received(
            request.method,
            request.raw_path,
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
            request.transport.get_extra_info("peername")[1],
        )
        self.received.append(received)
        return await self.reply(received) if self.reply else web.Response(text="thank you")


@asynccontextmanager
async def web_server(
    reply: Callable[[Received], Awaitable[web.StreamResponse]] | None = None,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> AsyncIterator[WebServer]:
    server = WebServer(reply=reply)
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


Connection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Connection) -> AsyncIterator[int]:
    """A server that says whatever `talk` writes; gives its port. Connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read a whole request with a Content-Length, or without a body."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return head + await reader.readexactly(int(value))
    return head


_SYSTEM_ROOTS = functools.cache(client_context)


@asynccontextmanager
async def web_client(
    allowed: tuple[str, ...] = LOOPBACK,
    *,
    tls: ssl.SSLContext | None = None,
    lookup: Lookup = system_lookup,
    clock: Callable[[], float] = lambda: 1_000_000_000.0,
) -> AsyncIterator[WebClient]:
    resolver = AddressResolver(AddressPolicy(allowed), lookup=lookup)
    try:
        async with WebClient(resolver, tls or _SYSTEM_ROOTS(), clock=clock) as client:
            yield client
    finally:
        resolver.close()
