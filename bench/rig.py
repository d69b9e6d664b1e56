"""The processes of a measurement: started with what they need, ended by their ids."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from bench.called import HANGUP, PLAY
from bench.called import PROBE as PROBE

from onhook.cli import accounts

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
PROMPTS = "prompts"
_LOG_CHARS = 2000
READY_S = 30.0

Command: TypeAlias = tuple[str, ...]
"""What is put before the arguments of the command `onhook`."""

ONHOOK: Command = (sys.executable, "-m", "onhook")
"""The one of this tree."""


class BenchError(Exception):
    """The measurement cannot go on; the message says why."""


def interpreter_of(tree: Path) -> str:
    """The Python of a tree that was set up with `make setup`. BenchError if it was not."""
    python = tree / ".venv" / "bin" / "python"
    if not python.exists():
        raise BenchError(f"{tree} has no .venv: run make setup there")
    return str(python)


def onhook_of(tree: Path) -> Command:
    """The command of another tree."""
    return (interpreter_of(tree), "-m", "onhook")


def raise_file_limit() -> None:
    """A call takes a socket; children get the limit from us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def end(process: subprocess.Popen[bytes], signal_: int = signal.SIGTERM, wait_s: float = 5) -> None:
    """Ends a process that may have ended already, by force if it does not want to."""
    if process.poll() is None:
        process.send_signal(signal_)
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def first_line(process: subprocess.Popen[bytes]) -> str:
    """What the process says when it is ready. BenchError if it says nothing in time."""
    if process.stdout is None:
        raise AssertionError("its standard output is a pipe")
    stuck = threading.Timer(READY_S, process.kill)
    stuck.start()
    try:
        line = process.stdout.readline().decode().strip()
    except BaseException:  # SIGTERM ends us here, before anybody else knows of the process
        end(process, signal.SIGKILL)
        raise
    finally:
        stuck.cancel()
    if not line:
        end(process)
        raise BenchError(f"{process.args!r} ended before it was ready")
    return line


class Server:
    """`onhook serve` on free ports of loopback. `started_s` is the time from its start to ready."""

    def __init__(
        self, data: Path, settings: Mapping[str, str] | None = None, onhook: Command = ONHOOK
    ) -> None:
        environment = {
            "ONHOOK_HTTP": "127.0.0.1:0",
            "ONHOOK_SIP": "127.0.0.1:0",
            "ONHOOK_RTP_PORTS": "20000-59999",
            "ONHOOK_DATA": str(data),
            "ONHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            # Callers that send no audio would be asked whether they are there; SIPp hangs up at that.
            "ONHOOK_SILENCE_S": "600",
            **(settings or {}),
        }
        self.log = data.with_suffix(".log")
        with self.log.open("ab") as log:
            began_s = time.perf_counter()
            self.process = subprocess.Popen(
                [*onhook, "serve"],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            line = first_line(self.process)
        except BenchError as error:
            told = self.log.read_text(errors="replace")[-_LOG_CHARS:]
            raise BenchError(f"{error}\n{told}") from None
        self.started_s = time.perf_counter() - began_s
        where = dict(part.split("=") for part in line.split()[2:])
        self.http = _address(where["http"])
        self.sip = _address(where["sip"])
        self.pid = self.process.pid


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def data_directory() -> Iterator[Path]:
    """An empty directory on the disk of this repository, not in memory; removed at the end."""
    OUT.mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="data-", dir=OUT))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".log").unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Account:
    """An application of the server."""

    data: Path
    app_id: str
    access_token: str
    database_url: str | None = None
    """Empty for SQLite; None for what the environment says."""
    onhook: Command = ONHOOK
    """Another tree writes its database itself."""

    @classmethod
    def make(cls, data: Path, database_url: str | None = None, onhook: Command = ONHOOK) -> Self:
        """A new one."""
        if onhook == ONHOOK:
            make = accounts.create_application(data, "bench", database_url=database_url)
            made = asyncio.run(make)
        else:
            made = _ask(onhook, data, database_url, "app", "create", "bench")
        return cls(data, made["app_id"], made["access_token"], database_url, onhook)

    def add_number(self, number: str, forward_to: str) -> None:
        """Tell calls to `number` to `forward_to`."""
        if self.onhook != ONHOOK:
            options = ("--app", self.app_id, "--forward-to", forward_to)
            _ask(self.onhook, self.data, self.database_url, "number", "add", number, *options)
            return
        asyncio.run(
            accounts.add_number(
                self.data, number, self.app_id, forward_to, database_url=self.database_url
            )
        )


def _ask(onhook: Command, data: Path, database_url: str | None, *arguments: str) -> dict[str, str]:
    """Runs a command that looks after the data; its JSON. BenchError if it fails."""
    url = {} if database_url is None else {"ONHOOK_DATABASE_URL": database_url}
    done = subprocess.run(
        [*onhook, *arguments, "--data", str(data), "--json"],
        env={**os.environ, **url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{arguments!r}: {done.stderr.decode(errors='replace')[-_LOG_CHARS:]}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


class Application:
    """`application.py`, with its numbers."""

    def __init__(self, server: Server, account: Account) -> None:
        environment = {
            "API": f"http://{server.http[0]}:{server.http[1]}",
            "APP_ID": account.app_id,
            "ACCESS_TOKEN": account.access_token,
        }
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "application.py")],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.pid = self.process.pid
        self.url = f"http://127.0.0.1:{int(first_line(self.process))}"
        account.add_number(HANGUP, f"{self.url}/hangup")
        account.add_number(PLAY, f"{self.url}/play")

    def stats(self) -> dict[str, int]:
        """What it counted: notifications by call_state, API replies by status, calls that ended."""
        return application_stats(self.url)


def application_stats(url: str) -> dict[str, int]:
    """What the application of an engine counted. OSError if it does not say."""
    with urllib.request.urlopen(f"{url}/stats", timeout=10) as reply:
        found: dict[str, int] = json.load(reply)
    return found


@dataclass(frozen=True, slots=True)
class Rig:
    """A server with an application."""

    server: Server
    account: Account
    application: Application


@contextlib.contextmanager
def rig(
    prompts: Path | None = None,
    *,
    database_url: str = "",
    settings: Mapping[str, str] | None = None,
    onhook: Command = ONHOOK,
    serving: Command | None = None,
) -> Iterator[Rig]:
    """A fresh server and application; both are ended, whatever happens.

    `prompts` is a folder of prompts that another server made, so that this one need not. Without
    `database_url` it is SQLite, whatever the environment says. `settings` are more of the server's, by
    the names of their variables. `onhook` is the command of another tree; `serving` starts the server in a
    way of its own.
    """
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(data_directory())
        if prompts is not None:
            shutil.copytree(prompts, data / PROMPTS)
        server = Server(
            data, {"ONHOOK_DATABASE_URL": database_url, **(settings or {})}, serving or onhook
        )
        # SIGTERM would wait for calls that still play.
        stack.callback(end, server.process, signal.SIGKILL)
        account = Account.make(data, database_url, onhook)
        application = Application(server, account)
        stack.callback(end, application.process)
        yield Rig(server, account, application)
