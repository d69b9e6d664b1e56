"""The ways into an application: ASGI, WSGI, and a server of its own."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, MutableMapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Takes: TypeAlias = Callable[[Mapping[str, str], bytes], Awaitable[int]]

BODY_MAX: Final = 256 * 1024
"""More than the largest notification."""
PORT: Final = 9000
_PHRASES: Final = {
    204: "No Content",
    403: "Forbidden",
    405: "Method Not Allowed",
    413: "Content Too Large",
}

T = TypeVar("T")


async def asgi(
    take: Takes,
    opened: Callable[[], object],
    close: Callable[[], Awaitable[None]],
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Serves one request, or the lifespan of the server."""
    if scope["type"] == "lifespan":
        opened()
        await _lifespan(close, receive, send)
    elif scope["type"] == "http":
        status = await _status(take, scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def _status(take: Takes, scope: Scope, receive: Receive) -> int:
    if scope["method"] != "POST":
        return 405
    body, more = b"", True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
        if len(body) > BODY_MAX:
            return 413
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return await take(headers, body)


async def _lifespan(close: Callable[[], Awaitable[None]], receive: Receive, send: Send) -> None:
    while True:
        said = (await receive())["type"]
        if said == "lifespan.shutdown":
            await close()
        await send({"type": f"{said}.complete"})
        if said == "lifespan.shutdown":
            return


def wsgi(
    take: Callable[[Mapping[str, str], bytes], int],
    environ: dict[str, Any],
    start_response: Callable[..., Any],
) -> list[bytes]:
    """Serves one request."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if environ["REQUEST_METHOD"] != "POST":
        status = 405
    elif length > BODY_MAX:
        status = 413
    else:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        status = take(headers, environ["wsgi.input"].read(length))
    start_response(f"{status} {_PHRASES[status]}", [])
    return []


class Home:
    """The loop in which calls go on: the one that ran first when it was needed; else one in a thread, which
    ends with the process. There is none before, so that a server may fork."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def is_here(self) -> bool:
        """Whether it is the loop that runs."""
        running = asyncio.get_running_loop()
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._loop = running
            return self._loop is running

    def must_be_here(self) -> None:
        """For what places calls. Raises RuntimeError."""
        if not self.is_here():
            raise RuntimeError("calls go on in another loop: have `App.start` run this there")

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for it, in whichever loop."""
        if self.is_here():
            return await work
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begins it, from any thread."""
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                loop = self._loop = asyncio.new_event_loop()
                threading.Thread(target=loop.run_forever, name="onhook.app", daemon=True).start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


def port_of(url: str) -> int:
    """Where to listen to be reached by this URL, unless somebody stands in front."""
    return urlsplit(url).port or PORT


def run(app: Any, host: str, port: int) -> None:
    """Serves an application until Ctrl-C."""
    import uvicorn

    logging.basicConfig(level=logging.INFO)
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)


@asynccontextmanager
async def serving(app: Any, host: str, port: int) -> AsyncIterator[None]:
    """Serves it in the loop that is running."""
    import uvicorn

    at = socket.create_server(
        (host, port)
    )  # before anybody is told of it, and so that it fails here
    config = uvicorn.Config(app, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([at]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        at.close()
