"""Onhook under the driver that it shares with its peer: copy this to DRIVER/adapters/onhook.py.

The server is started by `peer_server.py`, which writes what has to be known here to a file, by default
DRIVER/out/onhook.json (another one: ONHOOK_PEER_FILE). Needs aiohttp, and nothing of Onhook.

How the driver's words are said here:
  answer      nothing: the first block answers the call
  play, then  for app-play1 and app-play5 one request, hangup with a message, which ends the call; with
  hang up     ONHOOK_JOB=blocks two requests, play and hangup, as a peer has to do it
  hold        play, of a spoken message of 120 s
  hangup_http a forced hangup
There is no request that answers and does nothing else, so the parts `setup` and `anshang` are left out.
"""

import asyncio
import itertools
import json
import os
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

MESSAGES = {
    "prompt1": "Hello.",  # 1.1 s with the default voice
    "prompt5": "7777777.",  # 5.2 s
    "prompt120": "77777777777 " * 16,  # 120.6 s
}
"""Spoken text stands for the driver's files; it is made once, then cached."""

CONNECTIONS = 64


class Gone(Exception):
    """The call is over."""


class Call:
    """One incoming call."""

    def __init__(self, adapter: "Adapter", told: dict[str, str], tag: str) -> None:
        self.id = told["session"]
        self.tag = tag
        self.dest = adapter.names[told["to"]]
        self.gone = False
        self._adapter = adapter
        self._finished: asyncio.Future[None] | None = None

    async def answer(self) -> None:
        """Nothing."""

    async def play_nowait(self, prompt: str) -> asyncio.Future[None]:
        """Starts a prompt; what is returned is done when it was heard, or the call is over."""
        self._finished = asyncio.get_running_loop().create_future()
        job = self.dest in ("app-play1", "app-play5") and not self._adapter.blocks
        block = "ivr/end/hangup" if job else "ivr/middle/play"
        await self._adapter.request(block, session=self.id, msg=MESSAGES[prompt])
        return self._finished

    async def play(self, prompt: str) -> None:
        """Plays a prompt to its end."""
        await (await self.play_nowait(prompt))

    async def hangup(self) -> None:
        """Hangs up without a message."""
        await self._adapter.request("ivr/end/hangup", session=self.id)

    def hangup_http(self) -> tuple[str, int, bytes]:
        """The address, and a forced hangup as one request that keeps the connection."""
        host, port = self._adapter.http
        body = urlencode(self._adapter.params(session=self.id, force="enabled")).encode()
        head = (
            f"POST /open/ivr/end/hangup HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return host, port, head.encode() + body

    def told(self, state: str) -> None:
        """A notification about this call came."""
        self.gone = state == "ended"
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)


OnCall = Callable[[Call], Awaitable[None]]


class Adapter:
    """What the driver asks of an engine."""

    name = "onhook"

    def __init__(self) -> None:
        default = Path(__file__).resolve().parent.parent / "out" / "onhook.json"
        self._file = Path(os.environ.get("ONHOOK_PEER_FILE", default))
        self.blocks = os.environ.get("ONHOOK_JOB") == "blocks"
        self.stats: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None
        self._calls: dict[str, Call] = {}
        self._probed = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notify_url = ""
        self._read()

    def _read(self) -> None:
        known: dict[str, Any] = json.loads(self._file.read_text())
        numbers: dict[str, str] = known["numbers"]
        self._known = known
        self.http: tuple[str, int] = (known["http"][0], known["http"][1])
        self.names = {number: name for name, number in numbers.items()}
        self.DEST = {
            "play1": numbers["app-play1"],
            "play5": numbers["app-play5"],
            "hold": numbers["app-hold"],
            "probe": numbers["probe-x"],
        }

    def sip_target(self) -> tuple[str, int]:
        """Where calls go."""
        return self._known["sip"][0], self._known["sip"][1]

    def pids(self) -> dict[str, int]:
        """The server's process."""
        return {"engine": self._known["pid"]}

    def restart(self) -> None:
        """A fresh server with an empty data directory, on the same addresses."""
        subprocess.run(self._known["restart"], check=True)
        self._read()

    def params(self, **given: str) -> dict[str, str]:
        """The parameters of a request, with who asks and where to tell what came of it."""
        who = {key: str(self._known[key]) for key in ("app_id", "access_token")}
        return {**who, "notify_url": self._notify_url, **given}

    async def request(self, block: str, **given: str) -> None:
        """An API request. Raises Gone when the call is over."""
        if self._session is None:
            raise AssertionError("not served yet")
        url = f"http://{self.http[0]}:{self.http[1]}/open/{block}"
        async with self._session.post(url, data=self.params(**given)) as reply:
            status = json.loads(await reply.read())["status"]
        self.stats[status] += 1
        if status == "error_session_ended":
            raise Gone
        if status != "success_ok":
            raise RuntimeError(f"{block}: {status}")

    async def serve(
        self, app: str, on_call: OnCall, ready: Callable[[], None] | None = None
    ) -> None:
        """Listens for notifications and tells of each incoming call, until cancelled."""
        host, port = self.http[0], self._known["app_port"] + (app == "probe")
        self._notify_url = f"http://{host}:{port}/told"
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(connector=connector)

        async def notified(request: web.BaseRequest) -> web.StreamResponse:
            told = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
            self._told(told, on_call)
            return web.Response()

        runner = web.ServerRunner(web.Server(notified, access_log=None))
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=1024, reuse_address=True).start()
            if ready is not None:
                ready()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            await self._session.close()

    def _told(self, told: dict[str, str], on_call: OnCall) -> None:
        session, state = told["session"], told["call_state"]
        call = self._calls.get(session)
        if state == "ringing" and call is None:
            call = self._calls[session] = Call(self, told, self._tag())
            self.stats["calls"] += 1
            task = asyncio.create_task(self._guard(on_call, call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif call is not None and state != "ringing":
            call.told(state)
            if call.gone:
                del self._calls[session]

    def _tag(self) -> str:
        """What the driver's probe wrote as the caller of its nth call. A user part that is no number
        is not told to applications; but the probe is this process, and makes one call at a time."""
        return f"pr{os.getpid()}x{next(self._probed)}"

    async def _guard(self, on_call: OnCall, call: Call) -> None:
        try:
            await on_call(call)
        except Gone:
            pass
        except Exception as error:  # noqa: BLE001  # a task root: counted, and told
            self.stats["errors"] += 1
            if self.stats["errors"] < 5:
                print("app:", type(error).__name__, error, flush=True)
