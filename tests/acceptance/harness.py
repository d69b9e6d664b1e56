"""A real server in processes of its own, driven from outside."""

import asyncio
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self, Unpack

import aiohttp
import numpy as np
from numpy.typing import NDArray

import server_logs
from onhook.administration.trunk_options import FurtherOptions
from onhook.cli import accounts, trunks
from onhook.server.supervisor import status
from onhook.server.supervisor.restarts import AT_ONCE, WORKED_S
from onhook.server.supervisor.roles import LASTING_S
from onhook.speech.engines import english_ahead
from onhook.testing.api_client import ApiClient
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification, Receiver
from onhook.testing.tones import silence, tone
from ports import free_port as free_port

READY_S = 120.0
"""How long a process may take to start. Many of them start side by side on a busy machine."""
LASTING = ("plane", "switch", "deliveries")
"""The roles of processes that run as long as the server does, beside the supervisor."""
_WORKED_S = 2 * WORKED_S
"""What has served for so long has worked, as the supervisor sees it, a moment earlier or later than we do."""
_EARLY_DEATHS = AT_ONCE - 2
"""So many are far from too many, if one or two more are seen as such there."""
_numbers = count(31_000_000)


class ServerFailed(Exception):
    """The server did not do what it was started for; the message holds its log."""


@dataclass
class Onhook:
    """``onhook serve`` on free ports of loopback, with a data directory of its own.

    ``process`` is the supervisor. Killing it kills all of them.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    data: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="onhook-")))
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside the settings."""
    terminal: int | None = None
    """The descriptor of a terminal that it is started from, in a session of its own."""

    def __post_init__(self) -> None:
        environment = {
            "ONHOOK_HTTP": "127.0.0.1:0",
            "ONHOOK_SIP": "127.0.0.1:0",
            "ONHOOK_RTP_PORTS": "20000-59999",
            "ONHOOK_DATA": str(self.data),
            "ONHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            "ONHOOK_SHED_LAG_MS": "0",  # a call right after the start would meet voices being loaded
            **{f"ONHOOK_{name.upper()}": value for name, value in self.settings.items()},
        }
        self.log_path = self.data.with_suffix(".log")
        _lay_out_speech(self.data)
        with self.log_path.open("ab") as log:
            server_logs.follow(self.log_path)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "onhook", "serve"],
                env={**os.environ, **environment, **self.environment},
                stdin=subprocess.DEVNULL if self.terminal is None else self.terminal,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=self.terminal is not None,
                preexec_fn=None if self.terminal is None else _take_terminal,
            )
        line = self._first_line()
        if not line.startswith("onhook ready "):
            self.process.kill()
            raise ServerFailed(f"no ready line but {line!r}\n{self.log}")
        where = dict(part.split("=") for part in line.split()[2:])
        self.url = f"http://{where['http']}"
        host, _, port = where["sip"].rpartition(":")
        self.sip = (host, int(port))
        self.listeners = [_listener(text) for text in where["listeners"].split(",")]
        self._began_s = dict.fromkeys(LASTING, time.monotonic())
        self._died_early_s: deque[float] = deque(maxlen=_EARLY_DEATHS)

    def sip_over(self, transport: str, *, ipv6: bool = False) -> tuple[str, int]:
        """Where it listens with a transport, by a family."""
        fitting = [each for each in self.listeners
                   if each[0] == transport and (":" in each[1]) == ipv6]  # fmt: skip
        return fitting[0][1:]

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        stuck = threading.Timer(READY_S, self.process.kill)
        stuck.start()
        try:
            return self.process.stdout.readline().decode()
        finally:
            stuck.cancel()

    def processes(self) -> list[dict[str, Any]]:
        """What runs of it: ``role``, ``pid`` and ``since`` of each."""
        return status.ask(self.data)

    def pids(self, *roles: str) -> list[int]:
        """The processes of these roles, or all of them."""
        return [one["pid"] for one in self.processes() if not roles or one["role"] in roles]

    def pid(self, role: str) -> int:
        """The process that has this role, of which there is one."""
        [found] = self.pids(role)
        return found

    def threads(self, role: str) -> int:
        """How many threads the process of a role has."""
        return len(list(Path(f"/proc/{self.pid(role)}/task").iterdir()))

    async def strike(self, role: str) -> list[int]:
        """SIGKILL for the processes of a role; they are gone when this returns."""
        struck = await asyncio.to_thread(self.pids, role)  # phones go on speaking meanwhile
        watched = []
        for pid in struck:
            try:
                watched.append(os.pidfd_open(pid))
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # a worker that was not needed any more
                continue
        await asyncio.to_thread(_wait_for_ends, watched)
        return struck

    async def kill_role(self, role: str) -> int:
        """SIGKILL for the process of a role; the pid of the next one, which serves when this returns."""
        await self.may_die(role)
        before = await asyncio.to_thread(self.pid, role)
        await self.strike(role)
        await self.serves(role, before)
        return await asyncio.to_thread(self.pid, role)

    async def may_die(self, role: str) -> None:
        """Returns once the process of a role can be killed and the next is started at once: the supervisor
        puts that off, by up to half a minute, where many in a row had hardly begun to work."""
        worked_s = time.monotonic() - self._began_s[role]
        if worked_s > _WORKED_S:
            return
        early = self._died_early_s
        if len(early) == early.maxlen and time.monotonic() - early[0] < LASTING_S:
            await asyncio.sleep(_WORKED_S - worked_s)
        else:
            early.append(time.monotonic())

    async def serves(self, role: str, before: int) -> None:
        """Returns once a process of this role has followed that of before, and the server is ready."""
        async with asyncio.timeout(READY_S):
            while await asyncio.to_thread(self.pids, role) in ([], [before]) or (
                not await self.is_ready()
            ):
                await asyncio.sleep(0.02)
        self._began_s[role] = time.monotonic()

    async def is_ready(self) -> bool:
        """Whether it says that it takes new calls."""
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/healthz") as reply:
                return reply.status == 200
        except aiohttp.ClientError:
            return False

    @property
    def log(self) -> str:
        """Everything that the server wrote to standard error, but for a line that it has not ended yet."""
        written = self.log_path.read_text(errors="replace")
        return written[: written.rfind("\n") + 1]

    def stop(self, timeout_s: float = 60) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServerFailed(f"it does not end\n{self.log}") from None

    async def stopped(self, timeout_s: float = 60) -> int:
        """Waits for the end of the process without blocking the loop; returns the exit code."""
        return await asyncio.to_thread(self.process.wait, timeout_s)

    def close(self) -> None:
        """Ends the process whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        server_logs.leave(self.log_path)


def _lay_out_speech(data: Path) -> None:
    """Gives a new data directory what a server makes in it once, for its English voice: 1.5 s of CPU, that
    are spent once by all the servers of a test run."""
    made = _made_ahead()
    kept = data / made.name
    if kept.exists() or made.stat().st_dev != _parent(data).stat().st_dev:
        return
    kept.mkdir(parents=True, mode=0o700)
    data.chmod(0o700)
    for file in made.iterdir():
        (kept / file.name).hardlink_to(file)


@cache
def _made_ahead() -> Path:
    made = Path(tempfile.mkdtemp(prefix="onhook-ahead-")) / "speech"
    english_ahead.make(made)
    return made


def _parent(directory: Path) -> Path:
    """The directory, or the first above it that is there."""
    return directory if directory.exists() else _parent(directory.parent)


def _take_terminal() -> None:
    """Make standard input the terminal of this session, whose end is not ignored (as under nohup)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _wait_for_ends(pidfds: list[int]) -> None:
    """Returns when all of these processes have ended; closes the descriptors."""
    for pidfd in pidfds:
        poll = select.poll()  # numbers of descriptors are high beside hundreds of phones
        poll.register(pidfd, select.POLLIN)
        ended = poll.poll(READY_S * 1000)
        os.close(pidfd)
        assert ended, "a process does not end"


def _listener(text: str) -> tuple[str, str, int]:
    transport, _, place = text.partition(":")
    host, _, port = place.rpartition(":")
    return transport, host.strip("[]"), int(port)


@dataclass
class Customer:
    """An application with a number, a web server, a phone that calls it, and an API client."""

    server: Onhook
    receiver: Receiver
    phone: Phone
    number: str
    app_id: str
    access_token: str
    webhook_secret: str

    @classmethod
    async def make(cls, server: Onhook, receiver: Receiver, phone: Phone) -> Self:
        """A new application with a new number on the server."""
        where = server.settings.get("database_url", "")
        made = await accounts.create_application(server.data, "test", database_url=where)
        number = f"+65{next(_numbers)}"
        url = receiver.url("/answer")
        await accounts.add_number(server.data, number, made["app_id"], url, database_url=where)
        return cls(server, receiver, phone, number, **made)

    @property
    def api(self) -> ApiClient:
        """Requests with this application's credentials."""
        where = self.server.url
        return ApiClient(where, self.app_id, self.access_token, timeout_s=READY_S)

    async def call(self, **options: object) -> tuple[PhoneCall, Notification]:
        """The phone calls the number; returns the call and the answer notification of its session."""
        before = {told.get("session") for told in self.receiver.notifications}
        call = await self.phone.call(self.number, server=self.server.sip, **options)  # type: ignore[arg-type]
        while True:
            told = await self.receiver.next(to=self.number, call_state="ringing")
            if told["session"] not in before:
                return call, told

    async def post(self, path: str, **params: str) -> dict[str, str]:
        """One API request by POST; its JSON."""
        async with self.api as api:
            return dict(await api.post(path, **params))

    async def block(self, path: str, session: str, **params: str) -> dict[str, str]:
        """A block that is accepted, and tells this customer's receiver at ``/PATH``; its JSON."""
        url = self.receiver.url("/" + path.rpartition("/")[2])
        reply = await self.post(f"ivr/{path}", **{"session": session, "notify_url": url, **params})
        assert reply["status"] == "success_ok", reply
        return reply

    async def hangup(self, session: str, **params: str) -> dict[str, str]:
        """A Hangup request; its JSON."""
        return await self.post("ivr/end/hangup", session=session, **params)


@dataclass(frozen=True)
class TrunkLine:
    """Where a trunk of a server leads to: whoever listens on this port gets its calls."""

    port: int
    prefix: str


@dataclass
class Callee:
    """A phone at the other end of a trunk; every number that ``another`` makes leads to it."""

    phone: Phone
    line: TrunkLine
    numbers: set[str] = field(default_factory=set)
    """Those that ``another`` made."""

    def another(self) -> str:
        """A number that was not called before, in E.164."""
        number = f"{self.line.prefix}{next(_numbers) % 1_000_000:06d}"
        self.numbers.add(number)
        return number

    @property
    def calls(self) -> list[IncomingPhoneCall]:
        """The calls to its numbers. What a test before this one dialled may still ring on the trunk."""
        return [call for call in self.phone.incoming_calls if call.called in self.numbers]


def lay_trunk(
    server: Onhook, *, host: str = "127.0.0.1", **options: Unpack[FurtherOptions]
) -> TrunkLine:
    """A trunk to a port of loopback that nobody listens on yet; known to the server on return.

    On a server that tests share no two have the same prefix: calls would try that of a test that is over
    first, and wait there for seconds.
    """
    port = free_port()
    prefix = options.get("prefix") or "+6591"
    options["prefix"] = prefix
    given = trunks.Given(f"t{port}", f"{host}:{port}", **options)
    asyncio.run(trunks.add(server.data, given, server.settings.get("database_url", "")))
    know_trunk(server, given.name)
    return TrunkLine(port, prefix)


def know_trunk(server: Onhook, name: str, after: int = 0) -> None:
    """Returns once the server takes calls from a trunk that is new, or was changed, and says so behind this
    place in its log; calls go out by it from then on, too."""
    until_s = time.monotonic() + READY_S
    while not _is_known(server.log[after:], name):
        assert time.monotonic() < until_s, f"the server has never seen the trunk {name}"
        time.sleep(0.05)


def _is_known(log: str, name: str) -> bool:
    lines = (line for line in log.splitlines() if "trunk_sources_changed" in line)
    return any(name in json.loads(line)["trunks"] for line in lines)


def marked(seconds: float) -> NDArray[np.int16]:
    """A message whose very first and very last samples are tones: 1000 Hz at its beginning, 1400 Hz
    at its end, silence between."""
    ends_ms = 100
    middle = silence(seconds * 1000 - 2 * ends_ms)
    return np.concatenate([tone(1000, ends_ms), middle, tone(1400, ends_ms)])
