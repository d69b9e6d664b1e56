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
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.lean_http import Client, post, serve

SECOND = "Hello."
"""A message of 1.1 s with the default voice."""

TWO_MINUTES = "77777777777 " * 16
"""A message of 120 s with the default voice, in less than the 1000 characters that it may have."""

LIFE_S = 1200.0


class Application:
    """Answers notifications, and keeps count."""

    def __init__(self, api: str, app_id: str, access_token: str) -> None:
        where = urlsplit(api)
        self._host = where.netloc
        self._client = Client(str(where.hostname), where.port or 80)
        self._who = {"app_id": app_id, "access_token": access_token}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: set[str] = set()
        self._seen: set[bytes] = set()
        self._counts: Counter[str] = Counter()
        self._port = 0

    async def run(self, done: asyncio.Event) -> None:
        """Serves until `done`."""
        self._port = await serve(self._serve)
        print(self._port, flush=True)
        gc.freeze()
        await done.wait()

    def _serve(self, path: str, identity: bytes, body: bytes) -> bytes:
        if path == "/stats":
            return json.dumps({"ended": len(self._ended), **self._counts}).encode()
        if (
            identity in self._seen
        ):  # a reload or a crash came between our 200 and their record of it
            self._counts["told_again"] += 1
            return b""
        self._seen.add(identity)
        told = dict(parse_qsl(body.decode()))
        self._counts[f"told_{told['call_state']}"] += 1
        if told["call_state"] == "ended":
            self._ended.add(told["session"])
        else:
            task = asyncio.create_task(self._act(path, told["session"], told["call_state"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return b""

    async def _act(self, path: str, session: str, state: str) -> None:
        url = f"http://127.0.0.1:{self._port}{path}"
        if path == "/hangup":
            await self._post("ivr/end/hangup", session=session, msg=SECOND, notify_url=url)
        elif path == "/play":
            message = {"session": session, "msg": TWO_MINUTES, "notify_url": url}
            status = await self._post("ivr/middle/play", **message)
            self._counts["begun"] += (status, state) == ("success_ok", "ringing")

    async def _post(self, block: str, **params: str) -> str:
        body = urlencode({**self._who, **params}).encode()
        try:
            _, reply = await self._client.ask(post(self._host, f"/open/{block}", body))
            status = str(json.loads(reply)["status"])
        except (OSError, TimeoutError) as error:
            status = type(error).__name__
        self._counts[status] += 1
        return status


async def main() -> None:
    application = Application(os.environ["API"], os.environ["APP_ID"], os.environ["ACCESS_TOKEN"])
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.call_later(LIFE_S, done.set)
    await application.run(done)


if __name__ == "__main__":
    uvloop.run(main())
