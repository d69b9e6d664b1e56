"""Asterisk 22 with its HTTP interface, as the engine that Onhook is measured beside.

It is Debian's own package, installed by `scripts/asterisk/install.sh`; `etc/` is its configuration, which
speaks in its favour: no records of calls, no log, the modules that are needed, more threads than by default.
It is run by `scripts/asterisk/run.sh` on free ports of loopback, and takes root.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.caller import ApiRequest, Call, Caller
from bench.peer import prompts
from bench.peer.application import request
from bench.rig import (
    OUT,
    READY_S,
    BenchError,
    application_stats,
    data_directory,
    end,
    first_line,
)
from bench.stamped import HttpMessage

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "scripts" / "asterisk"
ROOT = Path(os.environ.get("ONHOOK_ASTERISK", "/var/cache/onhook/asterisk"))
"""Where it is installed."""

_HOST = "127.0.0.1"
_EMPTY = (
    "acl", "ccss", "features", "geolocation", "pjproject", "sorcery", "udptl", "websocket_client"
)  # fmt: skip
"""Files that it wants to find, with nothing in them."""
_OFF = {
    "cdr": "[general]\nenable=no\n",
    "cel": "[general]\nenable=no\n",
    "manager": "[general]\nenabled=no\n",
}


@dataclass(frozen=True, slots=True)
class _Server:
    """Where it listens, and its process."""

    process: subprocess.Popen[bytes]
    sip: tuple[str, int]
    http: tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Nobody:
    """Requests to it carry a name and a password, the same in all of them."""

    app_id: str = ""
    access_token: str = field(default="", repr=False)


class AriCaller(Caller):
    """A caller whose calls are answered, and played to, by the application; the caller ends them itself."""

    def play(self, call: Call, message: str) -> None:
        """Nothing: the application has begun already."""

    def hang_up(self, call: Call) -> ApiRequest:
        """Asks for the end of a call."""
        host, port = self.server.http
        return self.ask(request(f"{host}:{port}", "DELETE", f"channels/{call.session}"))

    @staticmethod
    def status_of(reply: HttpMessage) -> str:
        """`success_ok`, or the status line."""
        code = reply.first_line.split(" ")[1]
        return "success_ok" if code.startswith("2") else reply.first_line


@dataclass(frozen=True, slots=True)
class Asterisk:
    """A running one with its application; see `bench.engines.Target`."""

    server: _Server
    application: subprocess.Popen[bytes]
    url: str
    """Of the application."""
    folder: Path

    @property
    def sip(self) -> tuple[str, int]:
        return self.server.sip

    @property
    def pid(self) -> int:
        return self.server.process.pid

    @property
    def application_pid(self) -> int:
        return self.application.pid

    def stats(self) -> dict[str, int]:
        return {"ended": 0, **application_stats(self.url)}

    @contextlib.contextmanager
    def caller(self, probing: bool = True) -> Iterator[Caller]:
        with AriCaller(self.server, _Nobody()) as caller:
            if probing:
                _post(f"{self.url}/watch", caller.url)
            yield caller


def missing() -> str:
    """Why there can be no peer on this machine; empty if there can."""
    if os.geteuid() != 0:
        return "only root can run Asterisk in a directory of its own"
    if not (ROOT / ".complete").exists():
        return f"Asterisk is not installed in {ROOT}: scripts/asterisk/install.sh {ROOT}"
    return ""


def version() -> str:
    """What it calls itself."""
    done = subprocess.run(
        ["chroot", str(ROOT), "/usr/sbin/asterisk", "-V"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    return done.stdout.decode().strip()


@contextlib.contextmanager
def asterisk() -> Iterator[Asterisk]:
    """A fresh one with its application; both are ended, whatever happens."""
    if why_not := missing():
        raise BenchError(why_not)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(data_directory())
        server = stack.enter_context(_served())
        environment = {**os.environ, "ARI": f"{server.http[0]}:{server.http[1]}"}
        application = subprocess.Popen(
            [sys.executable, str(HERE / "application.py")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        stack.callback(end, application)
        url = f"http://{_HOST}:{int(first_line(application))}"
        yield Asterisk(server, application, url, folder)


@contextlib.contextmanager
def _served() -> Iterator[_Server]:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="asterisk-", dir=OUT) as made:
        folder = Path(made)
        sip, http = (_HOST, _free_port(socket.SOCK_DGRAM)), (_HOST, _free_port(socket.SOCK_STREAM))
        configure(folder, {"HOST": _HOST, "SIP": str(sip[1]), "HTTP": str(http[1])})
        process = subprocess.Popen(
            [str(SCRIPTS / "run.sh"), str(ROOT), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_ready(process, http)
            yield _Server(process, sip, http)
        finally:
            end(process, signal.SIGKILL)  # what it would tidy up is in memory


def configure(folder: Path, places: dict[str, str]) -> None:
    """Writes its configuration, with what stands between two @ filled in, and its sounds."""
    filled = {**places, "ARCH": str(sysconfig.get_config_var("MULTIARCH"))}
    for file in (HERE / "etc").glob("*.conf"):
        text = file.read_text()
        for name, value in filled.items():
            text = text.replace(f"@{name}@", value)
        (folder / file.name).write_text(text)
    for name, text in {**dict.fromkeys(_EMPTY, ";\n"), **_OFF}.items():
        (folder / f"{name}.conf").write_text(text)
    for file in _sounds().iterdir():
        shutil.copy(file, folder)


def _sounds() -> Path:
    """Made once, which takes seconds."""
    folder = OUT / "asterisk-sounds"
    if not folder.exists():
        part = Path(tempfile.mkdtemp(prefix="sounds-", dir=OUT))
        prompts.write(part)
        part.rename(folder)
    return folder


def _wait_until_ready(process: subprocess.Popen[bytes], http: tuple[str, int]) -> None:
    deadline_s = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(OSError):
            _get(http, "asterisk/ping")
            return
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise BenchError(f"Asterisk did not start: try {SCRIPTS / 'run.sh'} {ROOT} by hand")
        time.sleep(0.1)


def _get(http: tuple[str, int], path: str) -> None:
    with socket.create_connection(http, timeout=5) as connection:
        connection.sendall(request(f"{http[0]}:{http[1]}", "GET", path))
        if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
            raise OSError("it is not there yet")


def _post(url: str, body: str) -> None:
    with urllib.request.urlopen(url, data=body.encode(), timeout=10) as reply:
        reply.read()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((_HOST, 0))
        port: int = sock.getsockname()[1]
        return port
