"""The application of the benchmark: a web server that steers calls over Onhook's HTTP API.

    API=http://127.0.0.1:8080 APP_ID=... ACCESS_TOKEN=... python bench/application.py

A process of its own, so that the CPU time of the server is the server's alone. It prints the port
that it listens on. The path of a notification says what is to be done with the call:

    /hangup   hang up with a message of one second (the URL to forward a number to)
    /play     play a long message, and again when it is over
    /stats    what happened so far, as JSON (for the driver)
"""

import asyncio
import gc
import json
import os
import signal
from collections import Counter
from urllib.parse import parse_qsl

import aiohttp
import uvloop
from aiohttp import web

SECOND = "Hello."
"""A message of 1.1 s with the default voice."""

TWO_MINUTES = "77777777777 " * 16
"""A message of 120 s with the default voice, in less than the 1000 characters that it may have."""

CONNECTIONS = 64
LIFE_S = 600.0


class Application:
    """Answers notifications, and keeps count."""

    def __init__(self, api: str, app_id: str, access_token: str) -> None:
        self._api = api
        self._who = {"app_id": app_id, "access_token": access_token}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: set[str] = set()
        self._counts: Counter[str] = Counter()
        self.port = 0

    async def run(self, done: asyncio.Event) -> None:
        """Serves until `done`."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            runner = web.ServerRunner(web.Server(self._serve, access_log=None))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
            self.port = runner.addresses[0][1]
            print(self.port, flush=True)
            gc.freeze()
            await done.wait()
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/stats":
            return web.json_response({"ended": len(self._ended), **self._counts})
        told = dict(parse_qsl((await request.read()).decode()))
        self._counts[f"told_{told['call_state']}"] += 1
        if told["call_state"] == "ended":
            self._ended.add(told["session"])
        else:
            task = asyncio.create_task(self._act(request.path, told["session"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _act(self, path: str, session: str) -> None:
        url = f"http://127.0.0.1:{self.port}{path}"
        if path == "/hangup":
            await self._post("ivr/end/hangup", session=session, msg=SECOND, notify_url=url)
        elif path == "/play":
            await self._post("ivr/middle/play", session=session, msg=TWO_MINUTES, notify_url=url)

    async def _post(self, block: str, **params: str) -> None:
        if self._session is None:
            raise AssertionError("notifications come only while the session is open")
        try:
            async with self._session.post(
                f"{self._api}/open/{block}", data={**self._who, **params}
            ) as reply:
                status = json.loads(await reply.read())["status"]
        except (aiohttp.ClientError, TimeoutError) as error:
            status = type(error).__name__
        self._counts[status] += 1


async def main() -> None:
    application = Application(os.environ["API"], os.environ["APP_ID"], os.environ["ACCESS_TOKEN"])
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.call_later(LIFE_S, done.set)
    await application.run(done)


if __name__ == "__main__":
    uvloop.run(main())
