"""Serves the application that is tested, in a thread of its own, and knows when it is at work."""

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingMixIn
from typing import Any, Final, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from uvicorn.config import Config

from onhook.server.web import HttpServer
from onhook.simulator.virtual_loop import Stillness

_LOOK_S: Final = 0.01
_LINGER_S: Final = 1.0
"""At the end of an application, requests that are being answered have so long."""


class _Running(Protocol):
    """A server in a thread."""

    def end(self) -> None:
        """Ends it, and waits for that."""


class ApplicationServer:
    """Serves one application after another at the same address."""

    def __init__(self, stillness: Stillness) -> None:
        self._stillness = stillness
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._app: object = None
        self._running: _Running | None = None

    def serve(self, app: object) -> None:
        """From now on it is this one: ASGI, WSGI, or a class of request handlers of `http.server`."""
        if app is self._app:
            return
        self.end()
        if isinstance(app, type) and issubclass(app, BaseHTTPRequestHandler):
            self._running = _Handlers(self._socket.dup(), app)
        elif _is_asgi(app):
            self._running = _Asgi(self._socket.dup(), app, self._stillness)
        else:
            self._running = _Wsgi(self._socket.dup(), app, self._stillness)
        self._app = app

    def end(self) -> None:
        """Ends the one that is there."""
        running, self._running, self._app = self._running, None, None
        if running is not None:
            running.end()

    def close(self) -> None:
        """Ends it for good."""
        self.end()
        self._socket.close()


def _is_asgi(app: Any) -> bool:
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(
        getattr(app, "__call__", None)  # noqa: B004  # it is looked at, and not asked for
    )


class _Asgi:
    """uvicorn with a loop of its own. Tasks of the application that go on after a reply belong to it."""

    def __init__(self, at: socket.socket, app: Any, stillness: Stillness) -> None:
        async def counted(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            with stillness.held("the application answers"):
                await app(scope, receive, send)

        config = Config(counted, interface="asgi3", log_config=None, access_log=False, ws="none")
        self._loop = asyncio.new_event_loop()
        self._server = _AsgiServer(config)
        self._thread = threading.Thread(
            target=self._serve, args=(at,), name="application", daemon=True
        )
        self._thread.start()

    def _serve(self, at: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve([at]))

    def end(self) -> None:
        """Ends it."""
        with suppress(RuntimeError):  # it could not begin, and its loop is closed
            self._loop.call_soon_threadsafe(self._server.end)
        self._thread.join()


class _AsgiServer(HttpServer):
    """Ends as soon as everything is answered: tests wait for it, and uvicorn takes 0.1 s or more."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes nothing new, answers what was asked, and has the application end."""
        for server in self.servers:
            server.close()
        for at in sockets or []:
            at.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110  it has no event
                    await asyncio.sleep(_LOOK_S)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


class _Wsgi:
    """A thread a request."""

    def __init__(self, at: socket.socket, app: Any, stillness: Stillness) -> None:
        def counted(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
            with stillness.held("the application answers"):
                reply = app(environ, start_response)
                try:
                    return list(reply)
                finally:
                    getattr(reply, "close", lambda: None)()

        class Server(ThreadingMixIn, WSGIServer):
            daemon_threads = True

        server = Server(("127.0.0.1", 0), _Quiet, bind_and_activate=False)
        server.socket.close()
        server.socket = at
        server.server_name, server.server_port = "127.0.0.1", at.getsockname()[1]
        server.setup_environ()
        server.set_app(counted)
        self._serving = _Serving(server)

    def end(self) -> None:
        """Ends it."""
        self._serving.end()


class _Quiet(WSGIRequestHandler):
    """Leaves the terminal alone."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def address_string(self) -> str:
        """Asks no name server."""
        return "127.0.0.1"


class _Handlers:
    """As in `http.server`."""

    def __init__(self, at: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
        server.daemon_threads = True
        server.socket.close()
        server.socket = at
        self._serving = _Serving(server)

    def end(self) -> None:
        """Ends it."""
        self._serving.end()


class _Serving:
    """A server of the standard library in a thread."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_LOOK_S,), name="application", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
