"""HTTP/1.1 for the applications of a measurement, which are to take as little of the machine as they can.

Both sides keep their connections. Bodies are bytes with a Content-Length; nothing else is spoken here.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

import httptools

Handler: TypeAlias = Callable[[str, bytes, bytes], bytes]
"""From the path of a request, without a query, its `webhook-id`, if it has one, and its body to the body of
its 200."""

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
_ANSWER_S = 30.0


class _Served(asyncio.Protocol):
    """A connection of somebody who asks."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._identity, self._body = b"", b"", b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.close()

    def on_message_begin(self) -> None:
        self._path, self._identity, self._body = b"", b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"webhook-id":
            self._identity = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path = self._path.partition(b"?")[0].decode("latin-1")
        reply = self._handler(path, self._identity, self._body)
        if self._transport is not None:
            self._transport.write(_OK % len(reply) + reply)


async def serve(handler: Handler, host: str = "127.0.0.1") -> int:
    """Listens on a free port until the process ends; returns the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Served(handler), host, 0, backlog=1024)
    port: int = server.sockets[0].getsockname()[1]
    return port


class _Asking(asyncio.Protocol):
    """A connection of ours; one request at a time."""

    def __init__(self) -> None:
        self.closed = False
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._reply: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        if self._transport is None:
            raise AssertionError("it is connected")
        self._body = b""
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._reply

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_result((self._parser.get_status_code(), self._body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionError("the connection ended before the reply"))


class Client:
    """Asks one server, on as many connections as there are requests at once, up to `limit`."""

    def __init__(self, host: str, port: int, limit: int = 64) -> None:
        self._where = (host, port)
        self._idle: deque[_Asking] = deque()
        self._room = asyncio.Semaphore(limit)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the reply. OSError or TimeoutError if there is none."""
        async with self._room:
            connection = await self._connection()
            try:
                async with asyncio.timeout(_ANSWER_S):
                    reply = await connection.ask(request)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return reply

    async def _connection(self) -> _Asking:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(_Asking, *self._where)
        return connection


def post(host: str, path: str, body: bytes) -> bytes:
    """A request with a form."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
