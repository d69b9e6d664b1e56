"""The application beside Asterisk: it does over ARI what `bench/application.py` does over Onhook's API.

    ARI=127.0.0.1:8088 python bench/peer/application.py

Events come on one WebSocket; each thing that is wanted of a call is an HTTP request on a kept connection.
It prints the port that it listens on:

    /stats    what happened so far, as JSON
    /watch    a URL (the body), which is told of the calls to `PROBE` in the way of Onhook's notifications;
              an answer and the long message they get from here
"""

import asyncio
import base64
import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.called import HANGUP, PLAY, PROBE
from bench.lean_http import Client, post, serve
from bench.peer.prompts import SECOND, TWO_MINUTES

USER = PASSWORD = "bench"
SOUNDS = "/onhook/etc"
LIFE_S = 1200.0
_EVENTS = ("StasisStart", "StasisEnd", "PlaybackFinished")
_GONE = 404


class Gone(Exception):
    """The call is over."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A call, as Asterisk tells of it."""

    id: str
    caller: str
    called: str


def authorization() -> str:
    """Who asks."""
    return f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


def request(host: str, method: str, path: str) -> bytes:
    """What is asked of Asterisk."""
    return (
        f"{method} /ari/{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization()}\r\n"
        "Connection: keep-alive\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Application:
    """Steers calls by their events, and keeps count."""

    def __init__(self, host: str) -> None:
        self._host = host
        where = urlsplit(f"//{host}")
        self._client = Client(str(where.hostname), where.port or 80)
        self._counts: Counter[str] = Counter()
        self._calls: dict[str, Channel] = {}
        self._playing: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watcher: tuple[Client, str, str] | None = None

    async def run(self) -> None:
        """Serves for as long as Asterisk runs."""
        who = {"Authorization": authorization()}
        async with (
            aiohttp.ClientSession(f"http://{self._host}", headers=who) as session,
            session.ws_connect("/ari/events?app=bench", max_msg_size=0) as events,
        ):
            wanted = {"allowed": [{"type": kind} for kind in _EVENTS]}
            url = "/ari/applications/bench/eventFilter"
            async with session.put(url, json=wanted, raise_for_status=True):
                pass
            print(await serve(self._serve), flush=True)
            gc.freeze()
            async for message in events:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._on_event(json.loads(message.data))

    def _serve(self, path: str, _identity: bytes, body: bytes) -> bytes:
        if path == "/stats":
            return json.dumps(self._counts).encode()
        url = urlsplit(body.decode())
        client = Client(str(url.hostname), url.port or 80)
        self._watcher = (client, url.netloc, url.path)
        return b""

    def _on_event(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "StasisStart":
            told = event["channel"]
            channel = Channel(told["id"], told["caller"]["number"], told["dialplan"]["exten"])
            self._calls[channel.id] = channel
            self._counts["told_ringing"] += 1
            self._begin(self._steer(channel))
        elif kind == "PlaybackFinished":
            self._finish(event["playback"]["id"])
        elif kind == "StasisEnd":
            self._on_end(event["channel"]["id"])

    def _on_end(self, channel_id: str) -> None:
        channel = self._calls.pop(channel_id, None)
        if channel is None:
            return
        self._counts["ended"] += 1
        self._finish(channel_id)
        if channel.called == PROBE:
            self._begin(self._tell(channel, "ended"))

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Gone:
            self._counts["gone"] += 1
        except (OSError, TimeoutError) as error:
            self._counts[type(error).__name__] += 1

    async def _steer(self, channel: Channel) -> None:
        await self._ask("POST", f"channels/{channel.id}/answer")
        if channel.called == HANGUP:
            await self._play(channel, SECOND)
            await self._ask("DELETE", f"channels/{channel.id}")
        elif channel.called == PROBE:
            self._begin(self._tell(channel, "ringing"))
            await self._play(channel, TWO_MINUTES)
        elif channel.called == PLAY:
            first = True
            while channel.id in self._calls:
                await self._play(channel, TWO_MINUTES, counted=first)
                first = False

    async def _play(self, channel: Channel, sound: str, counted: bool = False) -> None:
        """To its end, or that of the call."""
        done = self._playing[channel.id] = asyncio.get_running_loop().create_future()
        await self._ask(
            "POST", f"channels/{channel.id}/play/{channel.id}?media=sound:{SOUNDS}/{sound}"
        )
        self._counts["begun"] += counted
        await done

    def _finish(self, playback: str) -> None:
        done = self._playing.pop(playback, None)
        if done is not None and not done.done():
            done.set_result(None)

    async def _ask(self, method: str, path: str) -> None:
        status, _ = await self._client.ask(request(self._host, method, path))
        if status == _GONE:
            raise Gone
        if status >= 300:
            raise OSError(f"{method} {path}: {status}")

    async def _tell(self, channel: Channel, state: str) -> None:
        if self._watcher is None:
            return
        client, host, path = self._watcher
        told = {"session": channel.id, "from": channel.caller, "call_state": state}
        await client.ask(post(host, path, urlencode(told).encode()))


async def main() -> None:
    loop, application = asyncio.get_running_loop(), Application(os.environ["ARI"])
    running = asyncio.ensure_future(application.run())
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    loop.call_later(LIFE_S, running.cancel)
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()


if __name__ == "__main__":
    uvloop.run(main())
