"""The application of the crowd, a process of its own: the path of a notification says what is done.

    API=http://127.0.0.1:8080 APP_ID=... ACCESS_TOKEN=... python bench/soak/application.py

It prints the port that it listens on, and ends at SIGTERM.

    /hangup   hang up with a message that is cached
    /new      the same with a message that was never spoken before
    /play     play a message, and again when it is over
    /reject   hang up without one, while it rings
    /leave    do nothing: the caller gives up
    /fail     as /hangup; the notification of the end gets a 500 when it comes first
    /drop     as /hangup; the connection of the notification of the end is reset when it comes first
"""

import asyncio
import json
import os
import signal
from itertools import count
from urllib.parse import parse_qsl

import aiohttp
import uvloop
from aiohttp import web

CACHED = "Hello."
LISTENED_TO = (
    "This message is played again and again, until whoever listens has heard enough of it."
)
CONNECTIONS = 64
_HANGUP = "ivr/end/hangup"


class Application:
    """Answers notifications, and acts upon them."""

    def __init__(self, api: str, app_id: str, access_token: str) -> None:
        self._api = api
        self._who = {"app_id": app_id, "access_token": access_token}
        self._http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: set[str] = set()
        """Sessions whose last notification was not taken; it comes again."""
        self._numbers = count(1)
        self._port = 0

    async def run(self, done: asyncio.Event) -> None:
        """Serves until `done`."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
        async with aiohttp.ClientSession(connector=connector) as self._http:
            runner = web.ServerRunner(web.Server(self._serve, access_log=None))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
            self._port = runner.addresses[0][1]
            print(self._port, flush=True)
            await done.wait()
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        told = dict(parse_qsl((await request.read()).decode()))
        session, kind = told["session"], request.path[1:]
        if told["call_state"] != "ended":
            task = asyncio.create_task(self._act(kind, session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind in ("fail", "drop") and session not in self._failed:
            self._failed.add(session)
            if kind == "fail" or request.transport is None:
                return web.Response(status=500)
            request.transport.abort()
        else:
            self._failed.discard(session)
        return web.Response()

    async def _act(self, kind: str, session: str) -> None:
        url = f"http://127.0.0.1:{self._port}/{kind}"
        if kind in ("hangup", "fail", "drop"):
            await self._post(_HANGUP, session=session, msg=CACHED, notify_url=url)
        elif kind == "new":
            msg = f"You are caller number {next(self._numbers)}. Good bye."
            await self._post(_HANGUP, session=session, msg=msg, notify_url=url)
        elif kind == "reject":
            await self._post(_HANGUP, session=session, notify_url=url)
        elif kind == "play":
            await self._post("ivr/middle/play", session=session, msg=LISTENED_TO, notify_url=url)

    async def _post(self, block: str, **params: str) -> None:
        if self._http is None:
            raise AssertionError("notifications come only while there is a client")
        url, body = f"{self._api}/open/{block}", {**self._who, **params}
        try:
            async with self._http.post(url, data=body) as reply:
                json.loads(await reply.read())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return  # its caller notices that nothing happens


async def main() -> None:
    """Until SIGTERM."""
    application = Application(os.environ["API"], os.environ["APP_ID"], os.environ["ACCESS_TOKEN"])
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    await application.run(done)


if __name__ == "__main__":
    uvloop.run(main())
